package supplytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/internal/chain"
	"charye/internal/civil"
	"charye/supply"
	"charye/supply/journal"
)

// Journal is a store of the journal, with the verdicts that it asks.
type Journal interface {
	journal.Store
	supply.Verdicts
	JournalChain() chain.Keeper
}

// OpenJournal gives a store over a place, as [Open] does.
type OpenJournal func(t testing.TB, place string) Journal

// RunJournal checks an engine of the journal.
func RunJournal(t *testing.T, open OpenJournal) {
	for name, check := range map[string]func(*testing.T, OpenJournal){
		"JournalKeeps": journalKeeps, "JournalRefuses": journalRefuses, "JournalTogether": journalTogether, "JournalGLNs": journalGLNs, "JournalModel": journalModel,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); check(t, open) })
	}
}

// settle is that boxes go from the depot to the site T1.
func settle(boxes ...int) journal.Event {
	d := &journal.Departure{Depot: "icheon", Product: "flu", Leaves: when.Add(24 * time.Hour), CutOff: when.Add(time.Hour)}
	for _, n := range boxes {
		d.Loads = append(d.Loads, journal.Load{Box: box(n), Site: "T1", Arrives: civil.New(2026, 9, 23), Lot: "Q\"1", Expires: civil.New(2026, 12, 31), Vials: 10})
	}
	return journal.Event{At: when, By: "logistics 0123", Kind: journal.Settle, Departure: d, Plan: "ab"}
}

func withdraw(id int64) journal.Event {
	return journal.Event{At: when.Add(2 * time.Hour), By: "manager 4567", Kind: journal.Withdraw, Settlement: id, Reason: "트럭 고장"}
}

func end(id int64, why journal.Why, boxes ...int) journal.Event {
	e := journal.Event{At: when.Add(3 * time.Hour), By: "server", Kind: journal.End, Settlement: id}
	for _, n := range boxes {
		e.Ended = append(e.Ended, journal.Ended{Box: box(n), Why: why, To: "T1"})
	}
	return e
}

func write(t testing.TB, s journal.Store, e journal.Event) journal.Event {
	t.Helper()
	out, err := s.Write(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func written(t testing.TB, s journal.Store, after int64) (out []journal.Event) {
	t.Helper()
	if err := s.Journal(context.Background(), after, func(e journal.Event) error { out = append(out, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func promised(t testing.TB, s journal.Store) map[supply.SSCC]int64 {
	t.Helper()
	out := map[supply.SSCC]int64{}
	if err := s.Promised(context.Background(), func(k supply.SSCC, id int64) error { out[k] = id; return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// journalKeeps: what is read, also by another, is what was decided; the chain holds it; and promises are those of the book.
func journalKeeps(t *testing.T, open OpenJournal) {
	s := open(t, "journal")
	want := []journal.Event{write(t, s, settle(1, 2)), write(t, s, settle(3)), write(t, s, end(1, journal.Left, 1, 9)), write(t, s, withdraw(2))}
	if want[2].Ended[0].Box != box(1) || len(want[2].Ended) != 1 {
		t.Errorf("a box that is not of the settlement ended: %+v", want[2].Ended)
	}
	other := open(t, "journal")
	for _, from := range []Journal{s, other} {
		if d := cmp.Diff(want, written(t, from, 0)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(want[3:], written(t, from, 3)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(map[supply.SSCC]int64{box(2): 1}, promised(t, from)); d != "" {
			t.Error(d)
		}
	}
	b, err := journal.Read(t.Context(), other)
	if err != nil || b.Promises() != 1 || b.Seq() != 4 {
		t.Errorf("%v: %d promises after event %d", err, b.Promises(), b.Seq())
	}
	got := write(t, other, settle(1, 3)) // what ended or was withdrawn is free again
	if got.Seq != 5 {
		t.Errorf("number %d", got.Seq)
	}
	enough := errors.New("enough")
	if err := s.Journal(t.Context(), 0, func(journal.Event) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("an error of yield: %v", err)
	}
	checked, err := chain.Check(t.Context(), s.JournalChain(), nil)
	if err != nil || len(checked.Findings) != 0 || checked.Head.Seq != 5 {
		t.Errorf("the chain: %+v, %v", checked, err)
	}
	late := checked.Head
	late.Chain[0]++
	if checked, err = chain.Check(t.Context(), s.JournalChain(), []chain.Noted{late}); err != nil || len(checked.Findings) != 1 {
		t.Errorf("the chain against another that was noted: %+v, %v", checked, err)
	}
}

// journalRefuses: what is refused is not kept, for the reason that it is.
func journalRefuses(t *testing.T, open OpenJournal) {
	s := open(t, "refusals")
	first := write(t, s, settle(1, 2))
	if _, err := s.Decide(t.Context(), verdict(supply.Hold, "case", 7)); err != nil {
		t.Fatal(err)
	}
	write(t, s, settle(4))
	write(t, s, withdraw(2))
	late := settle(5)
	late.At = late.Departure.CutOff
	silent := withdraw(first.Seq)
	silent.Reason = ""
	nobody := settle(5)
	nobody.By = ""
	for name, c := range map[string]struct {
		e    journal.Event
		want error
	}{
		"a box of another": {settle(5, 2, 1), journal.ErrTaken}, "a held box": {settle(5, 7), journal.ErrUnusable}, "at the cut-off": {late, journal.ErrCutOff},
		"no boxes": {settle(), journal.ErrEvent}, "twice in it": {settle(5, 5), journal.ErrEvent}, "by nobody": {nobody, journal.ErrEvent},
		"withdrawn without a reason": {silent, journal.ErrEvent}, "none such": {withdraw(99), journal.ErrNoSettlement}, "withdrawn twice": {withdraw(2), journal.ErrOver},
		"ended before": {end(2, journal.Left, 4), journal.ErrNothing}, "ended somehow": {end(1, "lost", 1), journal.ErrEvent},
	} {
		if _, err := s.Write(t.Context(), c.e); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	var taken *journal.TakenError
	if _, err := s.Write(t.Context(), settle(5, 2, 1)); !errors.As(err, &taken) || taken.ID != 1 || taken.Box != box(2) || taken.More != 1 || taken.Site != "T1" || taken.By != first.By || !taken.At.Equal(first.At) {
		t.Errorf("who has it: %+v", taken)
	}
	if n := len(written(t, s, 0)); n != 3 {
		t.Errorf("%d events are kept, want 3", n)
	}
	if d := cmp.Diff(map[supply.SSCC]int64{box(1): 1, box(2): 1}, promised(t, s)); d != "" {
		t.Error(d)
	}
}

// journalTogether: of many that want one box at once, on two nodes, one has it, and the others hear of that one.
func journalTogether(t *testing.T, open OpenJournal) {
	nodes := []Journal{open(t, "at once"), open(t, "at once")}
	var wg sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		wg.Go(func() { _, errs[i] = nodes[i%2].Write(context.Background(), settle(100, i+1)) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, journal.ErrTaken):
			t.Error(err)
		}
	}
	if got := promised(t, nodes[0]); won != 1 || len(got) != 2 || got[box(100)] != 1 {
		t.Errorf("%d won; promised: %v", won, got)
	}
}

func gln(n int) supply.GLN {
	g, err := supply.ParseGLN(fmt.Sprintf("880999900%03d%c", n, supply.CheckDigit(fmt.Sprintf("880999900%03d", n))))
	if err != nil {
		panic(err)
	}
	return g
}

// journalGLNs: a table replaces the one before whole, with a new number; a wrong one changes nothing.
func journalGLNs(t *testing.T, open OpenJournal) {
	s, other := open(t, "glns"), open(t, "glns")
	read := func(from Journal) ([]journal.GLN, int64) {
		t.Helper()
		list, of, err := from.GLNs(t.Context())
		again, err2 := from.GLNsOf(t.Context())
		if err := errors.Join(err, err2); err != nil || of != again {
			t.Fatalf("%d and %d, %v", of, again, err)
		}
		return list, of
	}
	if list, of := read(s); len(list) != 0 || of != 0 {
		t.Errorf("before any: %v of %d", list, of)
	}
	table := func(rows ...journal.GLN) journal.Event {
		return journal.Event{At: when, By: "operator@shell", Kind: journal.GLNs, Table: journal.NewTable([]byte(fmt.Sprint(rows)), rows)}
	}
	first := write(t, s, table(journal.GLN{GLN: gln(2), Site: "T1"}, journal.GLN{GLN: gln(1), Site: "T1"}))
	list, of := read(other)
	if d := cmp.Diff([]journal.GLN{{GLN: gln(1), Site: "T1"}, {GLN: gln(2), Site: "T1"}}, list); d != "" || of != first.Seq {
		t.Errorf("of %d:\n%s", of, d)
	}
	if journal.SealOf(list) != first.Table.Seal {
		t.Error("the rows are not those that were sealed")
	}
	if _, err := s.Write(t.Context(), table(journal.GLN{GLN: gln(3), Site: "T1"}, journal.GLN{GLN: gln(3), Site: "T2"})); !errors.Is(err, journal.ErrEvent) {
		t.Errorf("one GLN for two sites: %v", err)
	}
	second := write(t, other, table(journal.GLN{GLN: gln(2), Site: "가"}))
	if list, of := read(s); len(list) != 1 || list[0].Site != "가" || of != second.Seq {
		t.Errorf("after another: %v of %d", list, of)
	}
	write(t, s, table())
	if list, of := read(s); len(list) != 0 || of != 0 {
		t.Errorf("after an empty one: %v of %d", list, of)
	}
	b, err := journal.Read(t.Context(), s)
	if last, ok := b.Table(); err != nil || !ok || last.Count != 0 {
		t.Errorf("the book says %+v, %t, %v", last, ok, err)
	}
}

// journalModel holds an engine against a book over random histories: no box is ever promised twice, and what is refused is refused by both.
func journalModel(t *testing.T, open OpenJournal) {
	rapid.Check(t, func(r *rapid.T) {
		n, _ := places.LoadOrStore(t.Name(), new(int))
		count := n.(*int)
		*count++
		if *count > 15 {
			return // each is a database of its own
		}
		s, b, g := open(t, fmt.Sprintf("journal%d", *count)), journal.NewBook(), supply.NewRegister()
		for range rapid.IntRange(1, 15).Draw(r, "steps") {
			boxes := rapid.SliceOfNDistinct(rapid.IntRange(1, 6), 1, 3, rapid.ID[int]).Draw(r, "boxes")
			var e journal.Event
			switch rapid.IntRange(0, 5).Draw(r, "what") {
			case 0:
				e = withdraw(int64(rapid.IntRange(1, 6).Draw(r, "settlement")))
			case 1:
				e = end(int64(rapid.IntRange(1, 6).Draw(r, "settlement")), rapid.SampledFrom([]journal.Why{journal.Left, journal.Unusable, journal.Missed}).Draw(r, "why"), boxes...)
			case 2:
				v := verdict(rapid.SampledFrom([]supply.Action{supply.Hold, supply.Release}).Draw(r, "action"), "a", boxes...)
				_, wrong := g.Decide(v)
				if _, err := s.Decide(context.Background(), v); (wrong == nil) != (err == nil) {
					r.Fatalf("%v, the register says %v", err, wrong)
				}
				continue
			default:
				e = settle(boxes...)
			}
			want, wrong := b.Decide(e, g.State)
			got, err := s.Write(context.Background(), e)
			if (wrong == nil) != (err == nil) {
				r.Fatalf("%v, the book says %v", err, wrong)
			}
			if d := cmp.Diff(want, got); wrong == nil && d != "" {
				r.Fatal(d)
			}
			held := promised(t, s)
			for k, id := range held {
				x, ok := b.Promised(k)
				if !ok || x.ID != id || !slices.ContainsFunc(x.Loads, func(l journal.Load) bool { return l.Box == k }) {
					r.Fatalf("box %s is held for settlement %d, the book says %+v", k, id, x)
				}
			}
			if len(held) != b.Promises() {
				r.Fatalf("%d boxes are held, the book has %d", len(held), b.Promises())
			}
		}
	})
}
