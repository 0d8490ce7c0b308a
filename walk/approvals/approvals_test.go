package approvals_test

import (
	"context"
	"errors"
	"testing"

	"charye/approval"
	"charye/person"
	"charye/walk"
	"charye/walk/approvals"
	"charye/walk/walktest"
)

var (
	must     = walktest.Must
	wantCode = walktest.WantCode
	at       = walktest.At
)

func asking(what string) approvals.Asking {
	return approvals.Asking{Kind: approval.Verdict, Body: []byte(what), Summary: []string{what}, Reason: "why"}
}

// TestFourEyes: who asks cannot agree, in no other role either; another can, once; and what was agreed is done once, and gone on with.
func TestFourEyes(t *testing.T) {
	t.Parallel()
	w := walktest.NewDesk(t)
	ctx := t.Context()
	one, two := w.Clerk(1, person.Logistics, 0), w.Clerk(2, person.Manager, 0)
	oneAsManager := w.Clerk(1, person.Manager, 0)
	r, err := w.Ask(ctx, one, asking("recall"))
	must(t, err)
	_, err = w.Ask(ctx, two, asking("recall"))
	if e := wantCode(t, err, walk.Conflict); e.Field != "asked" {
		t.Errorf("asked twice: field %q", e.Field)
	}
	_, err = w.Agree(ctx, oneAsManager, r.ID, r.Digest, "")
	if e := wantCode(t, err, walk.NotAllowed); e.Field != "own" {
		t.Errorf("one's own: field %q", e.Field)
	}
	_, err = w.Agree(ctx, two, r.ID, approval.Digest{1}, "")
	if e := wantCode(t, err, walk.Conflict); e.Field != "changed" {
		t.Errorf("another digest: field %q", e.Field)
	}
	never := func(context.Context) (string, error) { t.Error("done without agreement"); return "", nil }
	_, err = w.Carry(ctx, one, r.ID, r.Digest, never)
	wantCode(t, err, walk.Conflict)
	_, err = w.Agree(ctx, two, r.ID, r.Digest, "")
	must(t, err)
	_, err = w.Agree(ctx, two, r.ID, r.Digest, "")
	if e := wantCode(t, err, walk.Conflict); e.Field != "twice" {
		t.Errorf("agreed twice: field %q", e.Field)
	}
	broken := errors.New("a power cut")
	if _, err := w.Carry(ctx, one, r.ID, r.Digest, func(context.Context) (string, error) { return "", broken }); !errors.Is(err, broken) {
		t.Fatalf("interrupted: %v", err)
	}
	_, err = w.Decline(ctx, two, r.ID, "too late")
	wantCode(t, err, walk.Conflict)
	done, err := w.Carry(ctx, one, r.ID, r.Digest, func(context.Context) (string, error) { return "verdict 7", nil })
	must(t, err)
	if done.Done.Why != "verdict 7" || done.State(at(12, 20, 2)) != approval.Done {
		t.Errorf("%+v", done)
	}
	_, err = w.Carry(ctx, one, r.ID, r.Digest, never)
	wantCode(t, err, walk.Conflict)
	got, body, err := w.Request(ctx, two, r.ID)
	if err != nil || string(body) != "recall" || len(got.History) != 4 {
		t.Errorf("%+v %q %v", got, body, err)
	}
	late, err := w.Ask(ctx, one, asking("later"))
	must(t, err)
	w.Set(at(15, 21, 0))
	_, err = w.Agree(ctx, two, late.ID, late.Digest, "")
	if e := wantCode(t, err, walk.Conflict); e.Field != "lapsed" {
		t.Errorf("lapsed: field %q", e.Field)
	}
}
