package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/durable"
	"charye/programme"
	"charye/site"
	"charye/supply"
	custody "charye/supply/epcis"
	"charye/supply/logger"
	"charye/supply/order"
	supplypostgres "charye/supply/postgres"
	supplysqlite "charye/supply/sqlite"
	"charye/supply/trace"
)

// glnFile is the table of the sites' GLNs in a data directory, as it was imported.
const glnFile = "glns.csv"

// supplyWhere says where the supply room is kept.
type supplyWhere struct {
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; also while it is served."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL of a cluster; the data directory then holds programme and GLNs."`
}

// supplyRoom is everything that the supply room is told from.
type supplyRoom struct {
	dir       *durable.Dir
	programme *programme.Programme
	sites     *site.Index
	glns      map[supply.GLN]site.Num
	custody   custody.Store
	verdicts  supply.Verdicts
	ledger    booking.Ledger
	closers   []func() error
}

// verdictStore keeps verdicts, alarms and plans.
type verdictStore interface {
	supply.Verdicts
	supply.Alarms
}

// openVerdicts opens the verdicts of PostgreSQL when url is given, else those of the data directory.
func openVerdicts(ctx context.Context, dir *durable.Dir, url string) (verdictStore, error) {
	if url != "" {
		return supplypostgres.Open(ctx, url)
	}
	return supplysqlite.Open(ctx, dir.Path())
}

// with opens the supply room, hands it over, and closes it.
func (w supplyWhere) with(ctx context.Context, do func(*supplyRoom) error) (err error) {
	dir, err := durable.ExistingDir(w.Data)
	if err != nil {
		return err
	}
	if err := rightPlace(dir, w.Postgres != ""); err != nil {
		return err
	}
	p, err := servedProgramme(dir)
	if err != nil {
		return err
	}
	places, err := openSites(ctx, dir, w.Postgres)
	if err != nil {
		return err
	}
	all, err := places.All(ctx)
	if err := errors.Join(err, places.Close()); err != nil {
		return err
	}
	r := &supplyRoom{dir: dir, programme: p, sites: site.NewIndex(all)}
	defer func() {
		for _, c := range r.closers {
			err = errors.Join(err, c())
		}
	}()
	if r.glns, err = readGLNs(dir, r.sites); err != nil {
		return err
	}
	if r.custody, err = openCustody(ctx, dir, w.Postgres); err != nil {
		return err
	}
	r.closers = append(r.closers, r.custody.Close)
	if r.verdicts, err = openVerdicts(ctx, dir, w.Postgres); err != nil {
		return err
	}
	r.closers = append(r.closers, r.verdicts.Close)
	if r.ledger, err = openLedger(ctx, dir, w.Postgres); err != nil {
		return err
	}
	r.closers = append(r.closers, r.ledger.Close)
	return do(r)
}

// readGLNs reads the table of a data directory; an empty one where none was imported.
func readGLNs(dir *durable.Dir, sites *site.Index) (map[supply.GLN]site.Num, error) {
	f, err := os.Open(dir.File(glnFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	list, err := trace.ReadGLNs(dir.File(glnFile), f)
	if err != nil {
		return nil, err
	}
	out := make(map[supply.GLN]site.Num, len(list))
	for _, g := range list {
		if s, ok := sites.ByID(g.Site); ok {
			out[g.GLN] = s.Num
		}
	}
	return out, nil
}

// siteOf gives the site that a place belongs to.
func siteOf(sites *site.Index, glns map[supply.GLN]site.Num) func(string) site.Num {
	return func(place string) site.Num {
		if id, ok := trace.SiteOfURN(place); ok {
			s, _ := sites.ByID(id)
			return s.Num
		}
		if g, ok := trace.GLNOf(place); ok {
			return glns[g]
		}
		return 0
	}
}

// trace reads all events of custody.
func (r *supplyRoom) trace(ctx context.Context) (*trace.Trace, error) {
	return readTrace(ctx, r.programme, r.sites, r.glns, r.custody, r.ledger)
}

func readTrace(ctx context.Context, p *programme.Programme, sites *site.Index, glns map[supply.GLN]site.Num, events trace.Source, l booking.Ledger) (*trace.Trace, error) {
	in := trace.NewReader()
	if err := in.Follow(ctx, events); err != nil {
		return nil, err
	}
	who, err := order.Who(ctx, l)
	if err != nil {
		return nil, err
	}
	products, perVial := order.Products(p)
	return in.Build(trace.Rules{Products: products, DosesPerVial: perVial, Site: siteOf(sites, glns), Who: who})
}

// world reads everything there is.
func (r *supplyRoom) world(ctx context.Context, now time.Time) (*order.World, error) {
	t, err := r.trace(ctx)
	if err != nil {
		return nil, err
	}
	return order.Load(ctx, r.ledger, r.verdicts, r.programme, r.sites.All(), t, now)
}

// place names a place for people.
func (r *supplyRoom) place(place string, at site.Num) string {
	if s, ok := r.sites.ByNum(at); ok && at != 0 {
		return s.ID + " " + s.Name
	}
	if k, ok := trace.SSCCOf(place); ok {
		return "under way with " + k.String()
	}
	return place
}

// tellProblems says which events could not be used.
func tellProblems(to io.Writer, list []trace.Problem, most int) {
	for i, p := range list {
		if i == most {
			_, _ = fmt.Fprintf(to, "and %d events more that could not be used\n", len(list)-most)
			return
		}
		_, _ = fmt.Fprintf(to, "not used: event %s: %s\n", p.Event, p.What)
	}
}

// pointOf reads the name of a place, box or vehicle as people write it: a URI, 18 digits of an SSCC, 13 of a GLN, or site:ID.
func pointOf(text string) (string, error) {
	if k, ok := trace.SSCCOf(text); ok {
		return custody.Key("https://id.gs1.org/00/" + k.String()), nil
	}
	if g, err := supply.ParseGLN(text); err == nil {
		return custody.Key("https://id.gs1.org/414/" + g.String()), nil
	}
	if id, ok := cutSite(text); ok {
		return trace.SiteURN(id), nil
	}
	for i := range len(text) {
		if text[i] == ':' && i > 0 {
			return custody.Key(text), nil
		}
	}
	return "", fmt.Errorf("%.60q names no place; want a URI, the 18 digits of an SSCC, the 13 of a GLN, or site:ID", text)
}

func cutSite(text string) (string, bool) {
	if len(text) > 5 && text[:5] == "site:" {
		return text[5:], true
	}
	return "", false
}

type importGLNsCmd struct {
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL that has the sites; the table itself stays in the data directory."`
	File     string `arg:"" help:"CSV with the header gln,site. It replaces the table whole."`
}

// Run keeps the table, when every site of it is there.
func (c importGLNsCmd) Run(ctx context.Context, out streams) error {
	b, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	list, err := trace.ReadGLNs(c.File, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	dir, err := durable.ExistingDir(c.Data)
	if err != nil {
		return err
	}
	places, err := openSites(ctx, dir, c.Postgres)
	if err != nil {
		return err
	}
	all, err := places.All(ctx)
	if err := errors.Join(err, places.Close()); err != nil {
		return err
	}
	sites := site.NewIndex(all)
	for _, g := range list {
		if _, ok := sites.ByID(g.Site); !ok {
			return fmt.Errorf("%s:%d: site: there is no site %q; nothing was changed", c.File, g.Line, g.Site)
		}
	}
	if err := durable.WriteFile(dir.File(glnFile), b); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out.out, "%d GLNs of sites are known\n", len(list))
	return err
}

type supplyCaptureCmd struct {
	Where supplyWhere `embed:""`
	Party string      `required:"" placeholder:"NAME" help:"Who tells it; kept with the events."`
	Files []string    `arg:"" placeholder:"FILE" help:"EPCIS 2.0 documents (JSON)."`
}

// mostEvents is how many events a file may have.
const mostEvents = 100_000

// Run captures documents as the HTTP interface does: each file whole or not at all, again is safe.
func (c supplyCaptureCmd) Run(ctx context.Context, out streams) error {
	return c.Where.with(ctx, func(r *supplyRoom) error {
		for _, name := range c.Files {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			events, err := custody.Parse(b, mostEvents)
			if err != nil {
				return fmt.Errorf("%s: %w; nothing of it was taken", name, err)
			}
			if err := r.capture(ctx, out.out, name, c.Party, events); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *supplyRoom) capture(ctx context.Context, to io.Writer, name, party string, events []*custody.Event) error {
	done, err := r.custody.Capture(ctx, []custody.Job{{By: party, At: time.Now(), Events: events}})
	if err != nil {
		return err
	}
	if err := done[0].Err; err != nil {
		return fmt.Errorf("%s: %w; nothing of it was taken", name, err)
	}
	_, err = fmt.Fprintf(to, "%s: %d events, %d of them new\n", name, len(events), done[0].New)
	return err
}

type supplyReadingsCmd struct {
	Where supplyWhere `embed:""`
	Point string      `required:"" placeholder:"P" help:"What the logger measured: the URI of a place, refrigerator or vehicle as custody names it, the 18 digits of a box or pallet that it rides with, the 13 of a GLN, or site:ID."`
	Zone  string      `placeholder:"ZONE" help:"Where the logger's clock was set to, such as Asia/Seoul; what the file says, or UTC, by default."`
	Files []string    `arg:"" placeholder:"FILE" help:"Exports of Berlinger loggers, or CSV with the header time,celsius; the first line tells which."`
}

// Run takes loggers' files into the log of custody. A wrong file is refused whole, with its line and field.
func (c supplyReadingsCmd) Run(ctx context.Context, out streams) error {
	point, err := pointOf(c.Point)
	if err != nil {
		return &usageError{msg: "--point: " + err.Error()}
	}
	var zone *time.Location
	if c.Zone != "" {
		if zone, err = time.LoadLocation(c.Zone); err != nil {
			return &usageError{msg: "--zone: " + err.Error()}
		}
	}
	return c.Where.with(ctx, func(r *supplyRoom) error {
		for _, name := range c.Files {
			events, doubts, err := readingsOf(name, point, zone)
			if err != nil {
				return fmt.Errorf("%s: %w; nothing of it was taken", name, err)
			}
			for _, d := range doubts { // kept all the same: the readings count, not what the file says of them
				_, _ = fmt.Fprintf(out.err, "%s does not agree with itself: %s\n", name, d)
			}
			if err := r.capture(ctx, out.out, name, "logger", events); err != nil {
				return err
			}
		}
		return nil
	})
}

func readingsOf(name, point string, zone *time.Location) (events []*custody.Event, doubts []string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	file, err := logger.Read(io.TeeReader(f, sum), zone)
	if err != nil {
		return nil, nil, err
	}
	if _, err := io.Copy(sum, f); err != nil {
		return nil, nil, err
	}
	made := fmt.Sprintf("%s sha256:%x", filepath.Base(name), sum.Sum(nil))
	var list []supply.Series
	if s, ok := file.Series(supply.Point(point), made); ok {
		list = append(list, s)
	}
	days := file.Summaries(supply.Point(point), made)
	if len(list) == 0 && len(days) == 0 {
		return nil, nil, fmt.Errorf("%w: it has neither readings nor daily sums", logger.ErrFormat)
	}
	events, err = trace.Readings(point, list, days, made)
	return events, file.Check(), err
}

// dayOf reads a date of a flag; def when it is empty.
func dayOf(flag, text string, def civil.Date) (civil.Date, error) {
	if text == "" {
		return def, nil
	}
	d, err := civil.Parse(text)
	if err != nil {
		return 0, &usageError{msg: fmt.Sprintf("%s: %q is no date; want one such as 2021-07-26", flag, text)}
	}
	return d, nil
}
