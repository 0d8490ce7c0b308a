package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"charye/booking"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/order"
	"charye/supply/trace"
	"charye/supply/trace/kept"
)

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

// trace tells the story of custody, by what earlier commands have read of it and the events that are new.
func (r *supplyRoom) trace(ctx context.Context) (*trace.Trace, error) {
	who, err := order.Who(ctx, r.ledger)
	if err != nil {
		return nil, err
	}
	return r.traceOf(ctx, who)
}

func (r *supplyRoom) traceOf(ctx context.Context, who func(int64) (person.Key, bool)) (*trace.Trace, error) {
	file, in, err := kept.Open(ctx, r.dir.File(kept.Name), r.custody)
	if err != nil {
		return nil, err
	}
	if err := file.Follow(ctx, in, r.custody); err != nil {
		return nil, err
	}
	r.unkept = file.Unkept
	return in.Build(traceRules(r.programme, r.sites, r.glns, who))
}

// traceRules are what the events of an installation are read by.
func traceRules(p *programme.Programme, sites *site.Index, glns map[supply.GLN]site.Num, who func(int64) (person.Key, bool)) trace.Rules {
	products, perVial := order.Products(p)
	return trace.Rules{Products: products, DosesPerVial: perVial, Site: siteOf(sites, glns), Who: who}
}

// world is what verdicts are planned from. Nobody is named in a plan, so that nobody is looked up.
func (r *supplyRoom) world(ctx context.Context, now time.Time) (*order.World, error) {
	t, err := r.traceOf(ctx, order.PerBooking)
	if err != nil {
		return nil, err
	}
	return r.worldOf(ctx, t, now)
}

func (r *supplyRoom) worldOf(ctx context.Context, t *trace.Trace, now time.Time) (*order.World, error) {
	free, err := booking.NewSnapshot(ctx, r.ledger)
	if err != nil {
		return nil, err
	}
	return order.Load(ctx, r.ledger, free, r.verdicts, r.programme, r.sites, t, now)
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

// tellProblems says which events could not be used, and whether the next command has to read them again.
func (r *supplyRoom) tellProblems(to io.Writer, list []trace.Problem, most int) {
	if r.unkept != nil {
		_, _ = fmt.Fprintf(to, "what was read of custody could not be kept, so the next command reads it again: %v\n", r.unkept)
	}
	for i, p := range list {
		if i == most {
			_, _ = fmt.Fprintf(to, "and %d events more that could not be used\n", len(list)-most)
			return
		}
		_, _ = fmt.Fprintf(to, "not used: event %s: %s\n", p.Event, p.What)
	}
}
