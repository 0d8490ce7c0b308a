package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/internal/durable"
	"charye/leftover"
	leftoverpostgres "charye/leftover/postgres"
	leftoversqlite "charye/leftover/sqlite"
	"charye/programme"
	"charye/site"
)

// openLeftovers opens the leftover doses of PostgreSQL when url is given, else those of the data directory.
func openLeftovers(ctx context.Context, dir *durable.Dir, url string) (leftover.Store, error) {
	if url != "" {
		return leftoverpostgres.Open(ctx, url)
	}
	return leftoversqlite.Open(ctx, dir.Path())
}

type leftoversCmd struct {
	Offer offerLeftoversCmd `cmd:"" help:"Tell how many doses a site has left over; a running server offers them within a second."`
	List  listLeftoversCmd  `cmd:"" help:"List the leftover doses of today and what became of them."`
}

// where says which installation a command beside a server is about.
type where struct {
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; also while it is served."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL of a cluster, whose nodes may go on."`
}

// leftoversAt opens what the commands need; close ends it.
func (c where) leftoversAt(ctx context.Context) (_ *leftoversHere, err error) {
	h := &leftoversHere{now: time.Now()}
	dir, err := durable.ExistingDir(c.Data)
	if err != nil {
		return nil, err
	}
	if err := rightPlace(dir, c.Postgres); err != nil {
		return nil, err
	}
	if h.programme, err = servedProgramme(dir); err != nil {
		return nil, err
	}
	sites, err := openSites(ctx, dir, c.Postgres)
	if err != nil {
		return nil, err
	}
	all, err := sites.All(ctx)
	if err := errors.Join(err, sites.Close()); err != nil {
		return nil, err
	}
	h.sites = site.NewIndex(all)
	if h.Store, err = openLeftovers(ctx, dir, c.Postgres); err != nil {
		return nil, err
	}
	return h, nil
}

type leftoversHere struct {
	leftover.Store
	programme *programme.Programme
	sites     *site.Index
	now       time.Time
}

func (h *leftoversHere) today() civil.Date { return civil.Of(h.now, h.programme.Zone) }

type offerLeftoversCmd struct {
	where    `embed:""`
	Campaign string `required:"" placeholder:"ID" help:"Whose people."`
	Site     string `required:"" placeholder:"ID" help:"Where the doses are."`
	Product  string `required:"" placeholder:"ID" help:"Of which product."`
	Doses    int    `required:"" placeholder:"N" help:"How many."`
	Until    string `required:"" placeholder:"HH:MM" help:"Until when today they must be given, by the programme's clock."`
}

// Run opens a batch; the running server offers its doses.
func (c offerLeftoversCmd) Run(ctx context.Context, out streams) (err error) {
	if c.Doses < 1 || c.Doses > leftover.MaxDoses {
		return &usageError{msg: fmt.Sprintf("--doses: want a whole number from 1 to %d", leftover.MaxDoses)}
	}
	minute, ok := clockTime(c.Until)
	if !ok {
		return &usageError{msg: "--until: want a time of today such as 17:30"}
	}
	h, err := c.leftoversAt(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	b, at, rules, err := c.batch(h, minute)
	if err != nil {
		return err
	}
	got, err := h.Apply(ctx, []leftover.Request{{Op: leftover.OpOpen, At: h.now, Day: h.today(), Batch: b, Channel: "staff"}})
	if err != nil {
		return err
	}
	if r := got[0].Result; r != leftover.Done {
		return fmt.Errorf("unexpected outcome %d", r)
	}
	waiting, err := h.Waiting(ctx, b.Campaign, b.Site)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out.out, "%s: %d doses of %s are offered until %s to the %d people on its list, one after the other; each has %d minutes to answer\n",
		at.ID, b.Doses, b.Product, c.Until, waiting, int(rules.Answer/time.Minute))
	return err
}

// batch checks what the command line says against the rules and the sites.
func (c offerLeftoversCmd) batch(h *leftoversHere, minute int) (b leftover.Batch, at site.Site, rules *programme.Leftovers, err error) {
	campaign, ok := h.programme.Campaign(c.Campaign)
	if !ok {
		return b, at, nil, &usageError{msg: fmt.Sprintf("--campaign: there is no campaign %q in programme %s", c.Campaign, h.programme.ID)}
	}
	rules = campaign.Leftovers
	switch {
	case rules == nil:
		return b, at, nil, fmt.Errorf("--campaign: %s offers no leftover doses; its rules want `leftovers: {minutes: …, sites: …, withinKm: …}`", c.Campaign)
	case !rules.On(h.today()):
		return b, at, nil, fmt.Errorf("--campaign: %s offers leftover doses %s, and today is %s", c.Campaign, span(rules), h.today())
	}
	if at, ok = h.sites.ByID(c.Site); !ok {
		return b, at, nil, &usageError{msg: fmt.Sprintf("--site: there is no site %q", c.Site)}
	}
	if !slices.Contains(campaign.Products, c.Product) {
		return b, at, nil, &usageError{msg: fmt.Sprintf("--product: %s is not among the products of %s: %s", c.Product, c.Campaign, strings.Join(campaign.Products, ", "))}
	}
	until := h.today().At(minute, h.programme.Zone)
	if !until.After(h.now) {
		return b, at, nil, &usageError{msg: fmt.Sprintf("--until: %s is over; it is %s now", c.Until, h.now.In(h.programme.Zone).Format("15:04"))}
	}
	return leftover.Batch{
		Campaign: campaign.Num, Site: at.Num, Product: c.Product, Doses: c.Doses, Until: until, Minutes: int(rules.Answer / time.Minute),
	}, at, rules, nil
}

func span(r *programme.Leftovers) string {
	var s []string
	if r.From != 0 {
		s = append(s, "from "+r.From.String())
	}
	if r.Until != 0 {
		s = append(s, "until "+r.Until.String())
	}
	return strings.Join(s, " ")
}

// clockTime reads HH:MM as a minute of the day; 24:00 is the end of it.
func clockTime(s string) (minute int, ok bool) {
	hour, rest, found := strings.Cut(s, ":")
	h, err1 := strconv.ParseUint(hour, 10, 8) // which takes no sign
	m, err2 := strconv.ParseUint(rest, 10, 8)
	minute = int(h)*60 + int(m)
	ok = found && err1 == nil && err2 == nil && len(hour) == 2 && len(rest) == 2 && m < 60 && minute <= 24*60
	return minute, ok
}

type listLeftoversCmd struct {
	where `embed:""`
}

// mostListed is how many batches are listed.
const mostListed = 10_000

// Run lists batches.
func (c listLeftoversCmd) Run(ctx context.Context, out streams) (err error) {
	h, err := c.leftoversAt(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	list, err := h.Since(ctx, h.today().At(0, h.programme.Zone), mostListed)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		_, err = fmt.Fprintln(out.out, "no site has told of leftover doses today")
		return err
	}
	for i := range list {
		if _, err := fmt.Fprintln(out.out, h.line(&list[i])); err != nil {
			return err
		}
	}
	return nil
}

// line tells of a batch; nobody is named.
func (h *leftoversHere) line(v *leftover.View) string {
	n := map[leftover.State]int{}
	for _, o := range v.Offers {
		n[o.State]++
	}
	campaign, at := strconv.FormatUint(uint64(v.Batch.Campaign), 10), strconv.FormatUint(uint64(v.Batch.Site), 10)
	if c, ok := h.programme.CampaignByNum(v.Batch.Campaign); ok {
		campaign = c.ID
	}
	if s, ok := h.sites.ByNum(v.Batch.Site); ok {
		at = s.ID
	}
	return fmt.Sprintf("%d  %s %s %s  %d doses from %s until %s: %d booked, %d accepted, %d offered now, %d declined, %d not answered in time, %d could not be booked, %d free",
		v.Batch.ID, campaign, at, v.Batch.Product, v.Batch.Doses, v.Batch.Made.In(h.programme.Zone).Format("15:04"), v.Batch.Until.In(h.programme.Zone).Format("15:04"),
		n[leftover.Booked], n[leftover.Taken], n[leftover.Live], n[leftover.Declined], n[leftover.Lapsed], n[leftover.Returned], v.Free(h.now))
}
