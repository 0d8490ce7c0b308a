package room

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"charye/approval"
	"charye/supply"
	"charye/supply/order"
)

// Wish is a verdict that somebody thinks of.
type Wish struct {
	Action   supply.Action
	Case     string
	Boxes    []supply.SSCC
	Reason   string
	Evidence []string
	Metres   int // how far people may be sent
	Days     int // up to how many days from today they may be moved to
}

// Bounds of a wish, and how soon after a move a session may begin at the earliest.
const (
	MaxMetres   = 200_000
	MaxDays     = 180
	MaxText     = 500 // bytes of a case, a reason, a line of evidence
	MaxEvidence = 20
	notice      = 2 * time.Hour
	lapses      = approval.LifeUsual
	draftsStay  = 24 * time.Hour
	mostLooked  = 500 // requests that are looked through
	mostPlan    = 256 << 20
)

// Draft is a plan that was previewed. Nothing of it has happened.
type Draft struct {
	Digest string // names the plan, with the verdict in it
	Plan   *order.Plan
}

// Case is a verdict that was asked for.
type Case struct {
	approval.Request
	Draft
	Moved, Moves int // of the plan's moves, while it is being done, at whatever node
}

func (w *Wish) bounded() bool {
	return w.Metres >= 0 && w.Metres <= MaxMetres && w.Days >= 0 && w.Days <= MaxDays
}

// verdict is the one that is wished for, before anybody agreed.
func (w *Wish) verdict(asked string) supply.Verdict {
	return supply.Verdict{Action: w.Action, Case: w.Case, Boxes: w.Boxes, Reason: w.Reason, Evidence: w.Evidence, Asked: asked, Agreed: agreedLater}
}

// body is what a request for a verdict is about. The plan, which may be long, is kept under its digest.
type body struct {
	Plan   string        `json:"plan"` // SHA-256 of its lines
	Action supply.Action `json:"action"`
	Case   string        `json:"case"`
}

// agreedLater stands in a plan for who agrees, until somebody has.
const agreedLater = "(nobody yet)"

// Name is how verdicts name somebody: their role and the beginning of their key. It is the same at each sign-in, and says nothing of the person to whoever does not know.
func Name(w approval.Who) string {
	if w.Shell {
		return w.String()
	}
	return w.Role.String() + " " + hex.EncodeToString(w.Key[:8])
}

// Errors of a wish, beside those of supply and order.
var (
	// ErrNotYours means that a plan was previewed by somebody else.
	ErrNotYours = errors.New("this plan was previewed by somebody else; preview it yourself")
	// ErrNoCase means that there is no request for a verdict of that number.
	ErrNoCase = errors.New("there is no request for a verdict of that number")
)

// Preview plans a wish as things stand now, and keeps the plan for a day. Nothing else is changed. One plan is made at a time.
func (r *Room) Preview(ctx context.Context, who approval.Who, w Wish) (Draft, error) {
	return r.preview(ctx, Name(who), w, nil)
}

func (r *Room) preview(ctx context.Context, asked string, w Wish, progress func(order.Progress)) (Draft, error) {
	r.planning.Lock()
	defer r.planning.Unlock()
	if !w.bounded() {
		return Draft{}, order.ErrReach
	}
	earlier, err := r.heldBy(ctx, w)
	if err != nil {
		return Draft{}, err
	}
	places, err := r.Places(ctx)
	if err != nil {
		return Draft{}, err
	}
	t, err := r.live.Refresh(ctx)
	if err != nil {
		return Draft{}, err
	}
	if err := r.free.Refresh(ctx); err != nil {
		return Draft{}, err
	}
	now := r.Clock()
	world, err := order.Load(ctx, r.Ledger, r.free, r.Verdicts, r.Programme, places.Sites, t, now)
	if err != nil {
		return Draft{}, err
	}
	p, err := world.Make(ctx, w.verdict(asked), order.Asked{
		Reach: order.Reach{Metres: w.Metres, Until: world.Today() + dateOf(w.Days), Notice: notice}, Earlier: earlier, Progress: progress,
	})
	if err != nil {
		return Draft{}, err
	}
	var lines bytes.Buffer
	if err := p.Write(&lines); err != nil {
		return Draft{}, err
	}
	sum := sha256.Sum256(lines.Bytes())
	d := Draft{hex.EncodeToString(sum[:]), p}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err = z.Write(lines.Bytes())
	if err := errors.Join(err, z.Close()); err != nil {
		return Draft{}, err
	}
	if err := r.Alarms.DropPlans(ctx, now.Add(-draftsStay)); err != nil {
		return Draft{}, err
	}
	return d, r.Alarms.KeepPlan(ctx, d.Digest, now, packed.Bytes())
}

// heldBy gathers the plans of the holds that a release ends, so that people can go back; nil for everything else.
func (r *Room) heldBy(ctx context.Context, w Wish) (*order.Plan, error) {
	if w.Action != supply.Release {
		return nil, nil
	}
	list, err := r.Cases(ctx, 0, mostLooked)
	if err != nil {
		return nil, err
	}
	var out *order.Plan
	for i := len(list) - 1; i >= 0; i-- { // the first held first
		if list[i].State(r.Clock()) != approval.Done {
			continue
		}
		c, err := r.withPlan(ctx, list[i])
		if err != nil {
			return nil, err
		}
		if v := &c.Plan.Verdict; v.Action != supply.Hold || v.Case != w.Case {
			continue
		}
		if out == nil {
			out = &order.Plan{Programme: c.Plan.Programme}
		}
		out.Moves = append(out.Moves, c.Plan.Moves...)
		out.Without = append(out.Without, c.Plan.Without...)
	}
	return out, nil
}

// Draft gives a plan that was previewed; [supply.ErrNoPlan] when it is not there.
func (r *Room) Draft(ctx context.Context, digest string) (Draft, error) {
	packed, err := r.Alarms.Plan(ctx, digest)
	if err != nil {
		return Draft{}, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return Draft{}, fmt.Errorf("plan %.12s: %w", digest, err)
	}
	lines, err := io.ReadAll(io.LimitReader(z, mostPlan))
	if err != nil {
		return Draft{}, fmt.Errorf("plan %.12s: %w", digest, err)
	}
	if sum := sha256.Sum256(lines); hex.EncodeToString(sum[:]) != digest {
		return Draft{}, fmt.Errorf("plan %.12s: %w: its bytes were changed", digest, order.ErrPlan)
	}
	p, err := order.ReadPlan(bytes.NewReader(lines))
	return Draft{digest, p}, err
}

// Ask asks others for a verdict that was previewed by the same person.
func (r *Room) Ask(ctx context.Context, who approval.Who, digest string) (approval.Request, error) {
	d, err := r.Draft(ctx, digest)
	if err != nil {
		return approval.Request{}, err
	}
	v := &d.Plan.Verdict
	if v.Asked != Name(who) {
		return approval.Request{}, ErrNotYours
	}
	b, err := json.Marshal(body{digest, v.Action, v.Case})
	if err != nil {
		return approval.Request{}, err
	}
	if err := r.Alarms.WantPlan(ctx, digest); err != nil {
		return approval.Request{}, err
	}
	now := r.Clock()
	return r.Requests.Decide(ctx, approval.Step{
		Op: approval.OpAsk, At: now, By: who, Why: v.Reason, Kind: approval.Verdict, Body: b, Summary: summary(d.Plan), Lapses: now.Add(lapses),
	})
}

// summary says what a plan does, for whoever reads requests of all kinds.
func summary(p *order.Plan) []string {
	return []string{
		fmt.Sprintf("%s of %d boxes, case %s", p.Verdict.Action, len(p.Verdict.Boxes), cut(p.Verdict.Case, 200)),
		fmt.Sprintf("%d boxes with %d doses change, at %d sites", p.Boxes, p.Doses, p.Sites),
		fmt.Sprintf("%d doses of bookings move, %d find no other place within reach", len(p.Moves), len(p.Without)),
		"the page /supply/cases shows it with the sites",
	}
}

func cut(s string, most int) string {
	for len(s) > most {
		r := []rune(s)
		s = string(r[:len(r)-1])
	}
	return s
}

// Agree agrees to a verdict that somebody else asked for, as the page showed it.
func (r *Room) Agree(ctx context.Context, who approval.Who, id int64, digest approval.Digest) (approval.Request, error) {
	return r.step(ctx, approval.Step{Op: approval.OpAgree, By: who, Request: id, Digest: digest})
}

// Decline says no to it, with a reason.
func (r *Room) Decline(ctx context.Context, who approval.Who, id int64, why string) (approval.Request, error) {
	return r.step(ctx, approval.Step{Op: approval.OpDecline, By: who, Request: id, Why: why})
}

// Withdraw takes one's own request back.
func (r *Room) Withdraw(ctx context.Context, who approval.Who, id int64) (approval.Request, error) {
	return r.step(ctx, approval.Step{Op: approval.OpWithdraw, By: who, Request: id})
}

func (r *Room) step(ctx context.Context, s approval.Step) (approval.Request, error) {
	q, err := r.Requests.Request(ctx, s.Request)
	if err == nil && q.Kind != approval.Verdict {
		err = ErrNoCase // the other kinds have other roles
	}
	if err != nil {
		return q, err
	}
	s.At = r.Clock()
	return r.Requests.Decide(ctx, s)
}

// Cases lists the verdicts that were asked for, the last first, without their plans; before 0: from the last.
func (r *Room) Cases(ctx context.Context, before int64, limit int) (out []approval.Request, err error) {
	list, err := r.Requests.Latest(ctx, before, mostLooked)
	for _, q := range list {
		if q.Kind == approval.Verdict && len(out) < limit {
			out = append(out, q)
		}
	}
	return out, err
}

// Case gives one with its plan.
func (r *Room) Case(ctx context.Context, id int64) (Case, error) {
	q, err := r.Requests.Request(ctx, id)
	if err == nil && q.Kind != approval.Verdict {
		err = ErrNoCase
	}
	if err != nil {
		return Case{}, err
	}
	c, err := r.withPlan(ctx, q)
	if err == nil {
		c.Moved, c.Moves, err = r.progress(ctx, id)
	}
	return c, err
}

func (r *Room) withPlan(ctx context.Context, q approval.Request) (Case, error) {
	c := Case{Request: q}
	src, err := r.Requests.Body(ctx, q.ID)
	if err != nil {
		return c, err
	}
	var b body
	if err := json.Unmarshal(src, &b); err != nil {
		return c, fmt.Errorf("request %d: %w", q.ID, err)
	}
	c.Draft, err = r.Draft(ctx, b.Plan)
	return c, err
}
