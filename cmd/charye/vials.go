package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/durable"
	"charye/programme"
	"charye/site"
	planning "charye/supply/delivery"
)

type importStockCmd struct {
	Product  string `required:"" placeholder:"ID" help:"Of which product the vials are; the programme counts its vials (vials: {…})."`
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; also while it is served."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL of a cluster, whose nodes may go on."`
	DryRun   bool   `help:"Only say what it would do."`
	File     string `arg:"" help:"CSV with the header site,vials: how many vials each site has in all. Sites that are not in it keep theirs."`
}

// stockAtOnce is how many sites' vials are set in one step.
const stockAtOnce = 5000

// Run sets how many vials sites have. A wrong file changes nothing. Running servers notice within a second.
func (c importStockCmd) Run(ctx context.Context, out streams) (err error) {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	list, err := booking.ReadVials(c.File, f)
	if err != nil {
		return err
	}
	w, err := openVials(ctx, c.Data, c.Postgres, c.Product)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.ledger.Close()) }()
	claims := make([]booking.Claim, 0, len(list))
	total, before := 0, 0
	for _, v := range list {
		s, ok := w.sites.ByID(v.Site)
		if !ok {
			return fmt.Errorf("%s:%d: site: there is no site %q; nothing was changed", c.File, v.Line, v.Site)
		}
		id := booking.VialsCounter(s.Num, w.product.Num)
		if opened := w.counters[id].Used; v.Vials < opened {
			return fmt.Errorf("%s:%d: vials: what is booked at %s opens %d vials already; want at least those, or move people first; nothing was changed", c.File, v.Line, v.Site, opened)
		}
		total, before = total+v.Vials, before+w.counters[id].Capacity
		claims = append(claims, booking.Claim{Counter: id, Capacity: v.Vials})
	}
	if !c.DryRun {
		for part := range slices.Chunk(claims, stockAtOnce) {
			if err := w.ledger.SetCapacity(ctx, part); err != nil {
				return fmt.Errorf("import stock: somebody booked meanwhile; what was set stays, run it again: %w", err)
			}
		}
	}
	would := "have"
	if c.DryRun {
		would = "would have"
	}
	_, _ = fmt.Fprintf(out.out, "%d sites %s %d vials of %s (%d doses), before %d\n", len(list), would, total, c.Product, total*w.product.DosesPerVial, before)
	return nil
}

type vialsCmd struct {
	Product  string `required:"" placeholder:"ID" help:"Of which product; the programme counts its vials (vials: {…})."`
	From     string `placeholder:"DATE" help:"From this day on; today by default."`
	Until    string `placeholder:"DATE" help:"Up to this day; the last by default."`
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; also while it is served."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL of a cluster."`
}

// Run writes how many vials each site needs on each day, as CSV.
func (c vialsCmd) Run(ctx context.Context, out streams) (err error) {
	w, err := openVials(ctx, c.Data, c.Postgres, c.Product)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.ledger.Close()) }()
	from, until := civil.Of(time.Now(), w.zone), civil.Date(1<<30)
	for _, f := range []struct {
		name, text string
		to         *civil.Date
	}{{"--from", c.From, &from}, {"--until", c.Until, &until}} {
		if f.text == "" {
			continue
		}
		if *f.to, err = civil.Parse(f.text); err != nil {
			return &usageError{msg: fmt.Sprintf("%s: %q is no date; want one such as 2021-07-26", f.name, f.text)}
		}
	}
	days := w.days(from, until)
	if err := writeDays(out.out, days); err != nil {
		return err
	}
	doses, vials, few := 0, 0, 0
	for _, d := range days {
		doses, vials = doses+d.booked, vials+d.vials
		if d.few > 0 {
			few++
		}
	}
	_, _ = fmt.Fprintf(out.err, "%d doses on %d days of sites open %d vials, %d doses of which are not booked; %d vials would be opened for fewer than %d\n",
		doses, len(days), vials, vials*w.product.DosesPerVial-doses, few, w.product.Vials.OpensWith)
	return nil
}

// vialsWorld is what the vials of a product are looked up in.
type vialsWorld struct {
	ledger   booking.Ledger
	sites    *site.Index
	product  *programme.Product
	zone     *time.Location
	counters map[booking.Counter]booking.CounterState
}

func openVials(ctx context.Context, data, postgres, product string) (*vialsWorld, error) {
	dir, err := durable.ExistingDir(data)
	if err != nil {
		return nil, err
	}
	if err := rightPlace(dir, postgres); err != nil {
		return nil, err
	}
	p, err := servedProgramme(dir)
	if err != nil {
		return nil, err
	}
	w := &vialsWorld{zone: p.Zone, counters: map[booking.Counter]booking.CounterState{}}
	found, ok := p.Product(product)
	switch {
	case !ok:
		return nil, &usageError{msg: fmt.Sprintf("--product: there is no product %q in programme %s", product, p.ID)}
	case found.Vials == nil:
		return nil, &usageError{msg: fmt.Sprintf("--product: programme %s does not count the vials of %s; that is the field vials of the product", p.ID, product)}
	}
	w.product = found
	places, err := openSites(ctx, dir, postgres)
	if err != nil {
		return nil, err
	}
	all, err := places.All(ctx)
	if err := errors.Join(err, places.Close()); err != nil {
		return nil, err
	}
	w.sites = site.NewIndex(all)
	if w.ledger, err = openLedger(ctx, dir, postgres); err != nil {
		return nil, err
	}
	_, err = w.ledger.Counters(ctx, func(st booking.CounterState) {
		k := st.Counter.Kind()
		if k == booking.KindVials || k == booking.KindOpened {
			w.counters[st.Counter] = st
		}
	})
	if err != nil {
		return nil, errors.Join(err, w.ledger.Close())
	}
	return w, nil
}

// vialDay is what is booked of a product at a site on a day.
type vialDay struct {
	day           civil.Date
	site          site.Site
	booked, vials int
	few           int // bookings in the last vial, where they are fewer than a vial is opened for
}

// days lists what is booked, by day and then by site.
func (w *vialsWorld) days(from, until civil.Date) (out []vialDay) {
	for id, st := range w.counters {
		num, day, v, ok := id.Opened()
		if !ok || v.Product != w.product.Num || st.Used == 0 || day < from || day > until {
			continue
		}
		at, _ := w.sites.ByNum(num)
		d := vialDay{day: day, site: at, booked: st.Used, vials: booking.VialsFor(st.Used, v.Doses)}
		if last := st.Used - (d.vials-1)*v.Doses; last < w.product.Vials.OpensWith {
			d.few = last
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b vialDay) int {
		if a.day != b.day {
			return int(a.day - b.day)
		}
		return strings.Compare(a.site.ID, b.site.ID)
	})
	return out
}

func writeDays(to io.Writer, days []vialDay) error {
	w := csv.NewWriter(to)
	_ = w.Write([]string{"day", "site", "name", "booked", "vials", "too few for the last vial"})
	for _, d := range days {
		few := ""
		if d.few > 0 {
			few = strconv.Itoa(d.few)
		}
		_ = w.Write([]string{d.day.String(), d.site.ID, planning.PlainCell(d.site.Name), strconv.Itoa(d.booked), strconv.Itoa(d.vials), few})
	}
	w.Flush()
	return w.Error()
}
