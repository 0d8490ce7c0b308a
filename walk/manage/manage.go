// Package manage is what managers, auditors and operators see and do: how the campaigns stand, rules that wait for two people, who looked at whom,
// the chains over what happened, the end of sessions of staff, and whether the parts of the installation answer.
//
// It owns these views, none of which names a person, and whose sessions were ended. Agreeing is package approvals. It must not know of HTTP,
// HTML or how anything is kept.
package manage

import (
	"context"
	"fmt"
	"time"

	"charye/approval"
	"charye/booking"
	"charye/internal/chain"
	"charye/internal/civil"
	"charye/internal/clock"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/walk"
	"charye/walk/approvals"
	"charye/walk/look"
)

// Walk is what managers see of [walk.Walk].
type Walk interface {
	Campaigns(ctx context.Context) ([]walk.Campaign, error)
	Line(ctx context.Context, campaign string) (walk.LineDoc, error)
}

// Deps are what an office is wired to.
type Deps struct {
	Walk      Walk
	Programme *programme.Programme
	Line      line.Line
	Ledger    booking.Ledger
	Desk      *booking.Desk
	Free      *booking.Snapshot
	Sites     site.Store
	People    person.Store
	Outbox    notify.Outbox  // nil: nobody is told anything
	Approvals approval.Store // nil: nothing can be asked for
	FourEyes  *approvals.FourEyes
	Looks     *look.Book
	Rules     *Rules // that wait for two people; nil: none
	// ChangeOf holds a programme file against the one that is served; nil: it cannot be done here.
	ChangeOf func(src []byte) (RuleChange, error)
	Version  string // of the program
	Shared   bool   // the engines are those of many nodes
	Clock    clock.Func
}

// Office serves managers, auditors and operators. Safe for concurrent use.
type Office struct {
	walk      Walk
	programme *programme.Programme
	line      line.Line
	ledger    booking.Ledger
	desk      *booking.Desk
	free      *booking.Snapshot
	siteStore site.Store
	people    person.Store
	outbox    notify.Outbox
	approvals approval.Store
	eyes      *approvals.FourEyes
	looks     *look.Book
	rules     *Rules
	changeOf  func([]byte) (RuleChange, error)
	version   string
	shared    bool
	started   time.Time
	now       clock.Func
	ended     ended
}

// New wires it. What it calls the start of the program is now.
func New(d Deps) *Office {
	return &Office{
		walk: d.Walk, programme: d.Programme, line: d.Line, ledger: d.Ledger, desk: d.Desk, free: d.Free, siteStore: d.Sites, people: d.People,
		outbox: d.Outbox, approvals: d.Approvals, eyes: d.FourEyes, looks: d.Looks, rules: d.Rules, changeOf: d.ChangeOf,
		version: d.Version, shared: d.Shared, started: d.Clock(), now: d.Clock,
	}
}

// Looks lists who looked at whom on a day, the last first; desk, when it is not empty, is the name of the one desk to show.
func (m *Office) Looks(ctx context.Context, a walk.Actor, day civil.Date, desk string, before int64) (look.Sheet, error) {
	if err := walk.Allow(a, walk.SeeLooks); err != nil {
		return look.Sheet{Day: day, Desk: desk}, err
	}
	sheet, err := m.looks.Read(ctx, day, m.programme.Zone, desk, before)
	if err != nil {
		return sheet, walk.Unavailable(err)
	}
	return sheet, nil
}

// StaffName is the name that stands for a member of staff in pages and exports: it says nothing, and is the same each time.
func (m *Office) StaffName(k person.Key) string { return m.looks.StaffName(k) }

// Figures are how a campaign stands, without anybody in it.
type Figures struct {
	walk.Campaign
	Line    walk.LineDoc
	Taken   int // doses of dose 1 that are booked or held
	Standby int // once it is sold out: those in line without a dose, whoever has left it meanwhile among them
}

// Figures gives the figures of every campaign.
func (m *Office) Figures(ctx context.Context, a walk.Actor) ([]Figures, error) {
	if err := walk.Allow(a, walk.SeeFigures); err != nil {
		return nil, err
	}
	all, err := m.walk.Campaigns(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Figures, 0, len(all))
	for _, c := range all {
		f := Figures{Campaign: c, Taken: m.free.Used(booking.StockCounter(c.Num))}
		if f.Line, err = m.walk.Line(ctx, c.ID); err != nil {
			return nil, err
		}
		if c.State == walk.StateSoldOut {
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
func (m *Office) ChainHeads(ctx context.Context, a walk.Actor) (h ChainHeads, err error) {
	if err := walk.Allow(a, walk.SeeChains); err != nil {
		return h, err
	}
	h.At = m.now()
	seals, err := m.ledger.Seals(ctx, max(0, m.free.Version()-sealsLooked), 2*sealsLooked)
	if err != nil {
		return h, walk.Unavailable(err)
	}
	for _, s := range seals {
		if s.Chain != (chain.Hash{}) {
			h.Bookings = chain.Noted{Seq: s.Seq, Chain: s.Chain}
		}
	}
	if m.approvals != nil {
		if h.Requests, err = m.approvals.Head(ctx); err != nil {
			return h, walk.Unavailable(err)
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
func (m *Office) WaitingRules(a walk.Actor) (*Rules, error) {
	if err := walk.Allow(a, walk.SeeWaiting); err != nil {
		return nil, err
	}
	return m.rules, nil
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
func (m *Office) RuleChange(a walk.Actor, src []byte) (c RuleChange, err error) {
	if err := walk.Allow(a, walk.AskRules); err != nil {
		return c, err
	}
	if m.changeOf == nil || len(src) == 0 {
		return c, walk.Refuse(walk.BadRequest, "file: want a programme file").At("file")
	}
	if c, err = m.changeOf(src); err != nil {
		return c, walk.Refuse(walk.BadRequest, "%.1000s", err.Error()).At("file")
	}
	return c, nil
}

// AskRules asks for exactly this file.
func (m *Office) AskRules(ctx context.Context, a walk.Actor, src []byte, reason string) (approval.Request, error) {
	c, err := m.RuleChange(a, src)
	if err != nil {
		return approval.Request{}, err
	}
	if !c.Needs {
		return approval.Request{}, walk.Refuse(walk.Conflict, "nobody has to be asked: the next start of the server takes this file").At("free")
	}
	return m.eyes.Ask(ctx, a, approvals.Asking{Kind: approval.Programme, Body: c.Body, Summary: c.Lines(), Reason: reason})
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
func (m *Office) Installation(ctx context.Context, a walk.Actor) (out Installation, err error) {
	if err := walk.Allow(a, walk.SeeInstallation); err != nil {
		return out, err
	}
	out = Installation{
		At: m.now(), Started: m.started, Version: m.version, Shared: m.shared, Feed: m.free.Version(), Untold: -1, Waiting: m.desk.Waiting(), Rules: m.rules,
	}
	try := func(name, of string, do func() error) {
		begun := m.now()
		err := do()
		out.Checks = append(out.Checks, Check{name, of, err == nil, m.now().Sub(begun)})
	}
	try("sites", "", func() error { _, err := m.siteStore.Version(ctx); return err })
	try("people", "", func() error { _, err := m.people.RosterVersions(ctx); return err })
	try("bookings", "", func() error { _, err := m.ledger.Events(ctx, max(0, out.Feed-1), 1); return err })
	for i := range m.programme.Campaigns {
		try("line", m.programme.Campaigns[i].ID, func() error { _, err := m.line.Status(ctx, m.programme.Campaigns[i].Num); return err })
	}
	if m.outbox != nil {
		try("messages", "", func() error {
			at, err := m.outbox.Begin(ctx, out.Feed)
			out.Untold = max(0, out.Feed-at)
			return err
		})
	}
	if m.approvals != nil {
		try("requests", "", func() error {
			list, err := m.approvals.Latest(ctx, 0, 1000)
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
