package supply

import (
	"context"
	"time"

	"charye/site"
)

// Cause is why boxes are in doubt.
type Cause string

// The causes, the worst first.
const (
	Frozen  Cause = "frozen"  // a cold budget is passed
	Heated  Cause = "warm"    // a warm budget is passed
	Expired Cause = "expired" // time is over where the product belongs: thawed or punctured for too long
	Silent  Cause = "silent"  // a refrigerator, vehicle or cold room that has boxes has not been heard of for too long
	Gap     Cause = "gap"     // a logger told nothing of a time for which one was foreseen
	Missing Cause = "unknown" // nobody had the box for a time, or nobody told where it has been
)

// Causes lists every cause, the worst first.
var Causes = []Cause{Frozen, Heated, Expired, Silent, Gap, Missing}

// Cause names what is against a box: freezing before heat, heat before time that is over where the product belongs, and all before what is not
// known. It is for judgements that are not fit.
func (j *Judgement) Cause() Cause {
	cause := Missing
	for _, f := range j.Findings {
		switch {
		case f.Side == Cold:
			return Frozen
		case f.Side == Warm:
			cause = Heated
		case cause == Missing:
			cause = Expired
		}
	}
	return cause
}

// AlarmKey says what an alarm is about: a cause at a stretch of custody. All boxes that were there, and only those, are in doubt for it.
type AlarmKey struct {
	Cause Cause
	Point Point     // where; empty where nobody told
	Begin time.Time // of the leg; of [Silent] the last word, of a box without custody zero
	Box   SSCC      // of a box that nobody told of; otherwise 0
}

// Alarm is an event: somebody has to look at boxes. It changes nothing about them; that is for a verdict, by two people.
type Alarm struct {
	Seq int64     // ascending; given by the store
	At  time.Time // when it was noticed
	AlarmKey
	Episode int // 1, 2 … of the same key: it was over in between
	Site    site.Num
	Boxes   int       // in doubt for it when it was noticed
	Doses   int       // left in them then
	Cleared time.Time // when there was no doubt any more; zero: there still is
}

// Alarms keeps alarms, each once. Its methods are safe for concurrent use, and, where nodes share a store, from any of them. supply/supplytest
// proves what every engine must do.
type Alarms interface {
	// Raise keeps those that are not there yet, by key and episode, in their order, and gives how many were new. It is durable when it returns.
	Raise(ctx context.Context, list []Alarm) (news int, err error)
	// Clear notes when the doubt was gone; the first time said stands.
	Clear(ctx context.Context, seqs []int64, at time.Time) error
	// Alarms calls yield for those after a number, in order. An error of yield ends it.
	Alarms(ctx context.Context, after int64, yield func(Alarm) error) error
	// Lead gives a lease for the work in the background to who asks first or holds it, until it ends; one at a time has it.
	Lead(ctx context.Context, who string, now, until time.Time) (bool, error)

	// KeepPlan keeps the bytes of a plan under its digest; the same again is no error.
	KeepPlan(ctx context.Context, digest string, at time.Time, plan []byte) error
	// Plan gives them, or [ErrNoPlan].
	Plan(ctx context.Context, digest string) ([]byte, error)
	// WantPlan notes that a plan is asked for, so that it stays; [ErrNoPlan] when it is not there.
	WantPlan(ctx context.Context, digest string) error
	// Plans calls yield for the plans that are wanted.
	Plans(ctx context.Context, yield func(digest string, at time.Time, plan []byte) error) error
	// DropPlans forgets plans from before an instant that nobody has asked for.
	DropPlans(ctx context.Context, before time.Time) error
}

// ErrNoPlan means that there is no plan of that digest.
var ErrNoPlan = planError{}

type planError struct{}

func (planError) Error() string {
	return "there is no plan of that digest; it may have been forgotten: preview it again"
}
