package walk

import (
	"context"
	"fmt"
	"time"

	"charye/approval"
	"charye/booking"
	"charye/internal/chain"
	"charye/programme"
)

// Figures are how a campaign stands, without anybody in it.
type Figures struct {
	Campaign
	Line    LineDoc
	Taken   int // doses of dose 1 that are booked or held
	Standby int // once it is sold out: those in line without a dose, whoever has left it meanwhile among them
}

// Figures gives the figures of every campaign.
func (w *Walk) Figures(ctx context.Context, a Actor) ([]Figures, error) {
	if err := may(a, SeeFigures); err != nil {
		return nil, err
	}
	all, err := w.Campaigns(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Figures, 0, len(all))
	for _, c := range all {
		f := Figures{Campaign: c, Taken: w.free.Used(booking.StockCounter(c.Num))}
		if f.Line, err = w.Line(ctx, c.ID); err != nil {
			return nil, err
		}
		if c.State == StateSoldOut {
			f.Standby = max(0, f.Line.Joined-f.Taken)
		}
		out = append(out, f)
	}
	return out, nil
}

// ChainHeads are what to print and keep elsewhere: whoever has them can hold all that happened up to there against them.
type ChainHeads struct {
	At                 time.Time
	Bookings, Requests chain.Noted // Seq 0: nothing happened yet
}

// sealsLooked is how far back the last kept chain is looked for; engines keep one for each batch.
const sealsLooked = 4096

// ChainHeads gives the chains over bookings and requests as they stand.
func (w *Walk) ChainHeads(ctx context.Context, a Actor) (h ChainHeads, err error) {
	if err := may(a, SeeChains); err != nil {
		return h, err
	}
	h.At = w.now()
	seals, err := w.ledger.Seals(ctx, max(0, w.free.Version()-sealsLooked), 2*sealsLooked)
	if err != nil {
		return h, unavailable(err)
	}
	for _, s := range seals {
		if s.Chain != (chain.Hash{}) {
			h.Bookings = chain.Noted{Seq: s.Seq, Chain: s.Chain}
		}
	}
	if w.approvals != nil {
		if h.Requests, err = w.approvals.Head(ctx); err != nil {
			return h, unavailable(err)
		}
	}
	return h, nil
}

// Rules is a programme file that the server was started with and did not take.
type Rules struct {
	File    string
	Changes []programme.Change
	How     string // how the matter stands, in a sentence
}

// WaitingRules gives the rules that wait for two people; nil: none do.
func (w *Walk) WaitingRules(a Actor) (*Rules, error) {
	if err := may(a, SeeWaiting); err != nil {
		return nil, err
	}
	return w.rules, nil
}

// Check is one thing that was tried.
type Check struct {
	Name string // a fixed word
	Of   string // a campaign's id, of its line
	OK   bool
	Took time.Duration
}

// RuleChange is what a programme file would change.
type RuleChange struct {
	Open, Rest []programme.Change // as [programme.Differences] has them
	Needs      bool               // others must agree
	Body       []byte             // what they agree to
}

// Lines tells the change for those who must agree.
func (c *RuleChange) Lines() []string {
	lines := make([]string, 0, approval.MaxLines)
	add := func(s string) { lines = append(lines, approval.Clip(s)) }
	for i, v := range c.Open {
		if i == approval.MaxLines-2 && len(c.Open) > i+1 {
			add(fmt.Sprintf("and %d changes more", len(c.Open)-i))
			break
		}
		add(v.String())
	}
	if len(c.Rest) > 0 {
		add(fmt.Sprintf("and %d changes that touch no campaign that has begun", len(c.Rest)))
	}
	return lines
}

// RuleChange says what a programme file would change. A file that is wrong is refused with its first problems.
func (w *Walk) RuleChange(a Actor, src []byte) (c RuleChange, err error) {
	if err := may(a, AskRules); err != nil {
		return c, err
	}
	if w.changeOf == nil || len(src) == 0 {
		return c, refuse(BadRequest, "file: want a programme file").field("file")
	}
	if c, err = w.changeOf(src); err != nil {
		return c, refuse(BadRequest, "%.1000s", err.Error()).field("file")
	}
	return c, nil
}

// AskRules asks for exactly this file.
func (w *Walk) AskRules(ctx context.Context, a Actor, src []byte, reason string) (approval.Request, error) {
	c, err := w.RuleChange(a, src)
	if err != nil {
		return approval.Request{}, err
	}
	if !c.Needs {
		return approval.Request{}, refuse(Conflict, "nobody has to be asked: the next start of the server takes this file").field("free")
	}
	return w.Ask(ctx, a, Asking{Kind: approval.Programme, Body: c.Body, Summary: c.Lines(), Reason: reason})
}

// Installation is the state of this node and what it reaches; nobody is in it.
type Installation struct {
	At       time.Time
	Started  time.Time
	Version  string
	Shared   bool    // engines of many nodes
	Checks   []Check // in order
	Feed     int64   // the last event of bookings that this node knows
	Untold   int64   // events of bookings that nobody was told of yet; -1: nobody is told anything
	Waiting  int     // bookings that wait for the next commit
	Rules    *Rules
	Requests int // open ones
}

// Installation tells how this node is.
func (w *Walk) Installation(ctx context.Context, a Actor) (out Installation, err error) {
	if err := may(a, SeeInstallation); err != nil {
		return out, err
	}
	out = Installation{
		At: w.now(), Started: w.started, Version: w.version, Shared: w.shared, Feed: w.free.Version(), Untold: -1, Waiting: w.Waiting(), Rules: w.rules,
	}
	try := func(name, of string, do func() error) {
		begun := w.now()
		err := do()
		out.Checks = append(out.Checks, Check{name, of, err == nil, w.now().Sub(begun)})
	}
	try("sites", "", func() error { _, err := w.siteStore.Version(ctx); return err })
	try("people", "", func() error { _, err := w.people.RosterVersions(ctx); return err })
	try("bookings", "", func() error { _, err := w.ledger.Events(ctx, max(0, out.Feed-1), 1); return err })
	for i := range w.programme.Campaigns {
		try("line", w.programme.Campaigns[i].ID, func() error { _, err := w.line.Status(ctx, w.programme.Campaigns[i].Num); return err })
	}
	if w.outbox != nil {
		try("messages", "", func() error {
			at, err := w.outbox.Begin(ctx, out.Feed)
			out.Untold = max(0, out.Feed-at)
			return err
		})
	}
	if w.approvals != nil {
		try("requests", "", func() error {
			list, err := w.approvals.Latest(ctx, 0, 1000)
			for i := range list {
				if list[i].State(out.At).Open() {
					out.Requests++
				}
			}
			return err
		})
	}
	return out, nil
}
