package linetest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/line"
)

// onePlacePerPerson: many joins of one person at once make one place, and seqs have no gaps.
func onePlacePerPerson(t *testing.T, open Open) {
	const people, times = 400, 8
	b := start(t, open, config())
	var created atomic.Int64
	seqs := make([][times]uint32, people)
	var wg sync.WaitGroup
	for n := range people {
		for k := range times {
			wg.Go(func() {
				p, isNew, err := b.Join(b.ctx, theCampaign, Person(n))
				if err != nil {
					t.Errorf("join: %v", err)
				}
				if isNew {
					created.Add(1)
				}
				seqs[n][k] = p.Seq
			})
		}
	}
	wg.Wait()
	if created.Load() != people {
		t.Errorf("%d places were made for %d people", created.Load(), people)
	}
	var all []uint32
	for n, s := range seqs {
		for _, seq := range s {
			if seq != s[0] {
				t.Fatalf("person %d was given seq %d and %d", n, s[0], seq)
			}
		}
		if got := b.place(n).Seq; got != s[0] {
			t.Fatalf("person %d has seq %d, was told %d", n, got, s[0])
		}
		all = append(all, s[0])
	}
	wantDense(t, all, 1, people)
	if got := b.status().Joined; got != people {
		t.Errorf("status says %d joined, want %d", got, people)
	}
}

func wantDense(t *testing.T, numbers []uint32, from, to uint32) {
	t.Helper()
	numbers = slices.Sorted(slices.Values(numbers))
	if len(numbers) != int(to-from+1) {
		t.Fatalf("%d numbers, want %d", len(numbers), to-from+1)
	}
	for i, n := range numbers {
		if n != from+uint32(i) {
			t.Fatalf("number %d stands where %d is due: not dense", n, from+uint32(i))
		}
	}
}

// drawCanBeRecomputed: the commitment stands before gathering, and from what is published afterwards an outsider gets the
// same order and finds everybody where they were told they are.
func drawCanBeRecomputed(t *testing.T, open Open) {
	const people = 300
	c := config()
	b := start(t, open, c)
	b.clk.Set(c.Gathers.Add(-24 * time.Hour))
	before := b.draw()
	if before.Commitment == [32]byte{} || before.Seed != [32]byte{} || before.Drawn || before.Entrants != 0 {
		t.Fatalf("before gathering the draw should be a commitment and nothing else, got %+v", before)
	}
	b.clk.Set(c.Gathers)
	b.joinAll(0, people)
	if p := b.place(0); p.Number != 0 || p.State != line.Gathering {
		t.Fatalf("while gathering: number %d, state %s", p.Number, p.State)
	}
	if _, err := b.Entrants(b.ctx, theCampaign); !errors.Is(err, line.ErrNotOpen) {
		t.Fatalf("entrants before the draw: got %v, want ErrNotOpen", err)
	}
	if s := b.status(); s.Gathered != 0 || s.Drawn {
		t.Fatalf("before the opening status says gathered %d, drawn %v", s.Gathered, s.Drawn)
	}
	b.open()

	d := b.draw()
	if d.Commitment != before.Commitment || !d.Drawn || d.Entrants != people || d.At.IsZero() {
		t.Fatalf("after the draw: %+v", d)
	}
	list := b.entrants()
	if err := line.Verify(d, bytes.NewReader(list)); err != nil {
		t.Fatal(err)
	}
	published := make([][16]byte, people)
	for i := range published {
		published[i] = [16]byte(list[16*i:])
	}
	sorted := slices.Clone(published)
	slices.SortFunc(sorted, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	for i, at := range line.Order(d.Seed, sorted) {
		if sorted[at] != published[i] {
			t.Fatalf("recomputed from the seed, number %d is another entrant", i+1)
		}
	}
	for n := range people {
		p := b.place(n)
		if p.State == line.Gathering || p.Number < 1 || p.Number > people {
			t.Fatalf("person %d after the draw: %s, number %d", n, p.State, p.Number)
		}
		if published[p.Number-1] != someNames.Of(theCampaign, Person(n)) {
			t.Fatalf("person %d has number %d, where the list shows somebody else", n, p.Number)
		}
	}
	if s := b.status(); s.Gathered != people || !s.Drawn {
		t.Errorf("status says gathered %d, drawn %v", s.Gathered, s.Drawn)
	}
}

func (b *bench) entrants() []byte {
	b.t.Helper()
	r, err := b.Entrants(b.ctx, theCampaign)
	if err != nil {
		b.t.Fatalf("entrants: %v", err)
	}
	list, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		b.t.Fatalf("entrants: %v", err)
	}
	return list
}

func emptyDraw(t *testing.T, open Open) {
	b := start(t, open, config())
	b.plenty()
	b.open()
	d := b.draw()
	if !d.Drawn || d.Entrants != 0 {
		t.Fatalf("draw of nobody: %+v", d)
	}
	if err := line.Verify(d, bytes.NewReader(b.entrants())); err != nil {
		t.Fatal(err)
	}
	if p := b.join(1); p.Number != 1 {
		t.Fatalf("the first after a draw of nobody has number %d", p.Number)
	}
}

// arrivalOrder: without a draw the number is the order of joining, at once and also before the opening.
func arrivalOrder(t *testing.T, open Open) {
	b := start(t, open, arrival())
	b.plenty()
	for n := range 20 {
		if p := b.join(n); p.Number != uint32(n)+1 || p.Seq != p.Number || p.State != line.Waiting || p.Ahead != n {
			t.Fatalf("person %d before the opening: %+v", n, p)
		}
	}
	if d := b.draw(); d != (line.Draw{}) {
		t.Fatalf("a line in arrival order has a draw: %+v", d)
	}
	b.run(time.Minute)
	if a := b.status().Admitted; a != 0 {
		t.Fatalf("%d admitted before the opening", a)
	}
	b.open()
	b.run(time.Second)
	if a := b.status().Admitted; a != 20 {
		t.Fatalf("%d admitted a second after the opening, want 20", a)
	}
	if p := b.join(20); p.Number != 21 {
		t.Fatalf("the 21st has number %d", p.Number)
	}
}

// lateJoinersStandBehind: from the opening on everybody gets a number at once, behind all who gathered, even while the
// draw has not been made.
func lateJoinersStandBehind(t *testing.T, open Open) {
	const gathered = 50
	b := start(t, open, config())
	b.plenty()
	b.clk.Set(opens.Add(-time.Nanosecond))
	b.joinAll(0, gathered)
	b.clk.Set(opens)
	late := b.join(gathered)
	if late.Number != gathered+1 || late.State != line.Waiting {
		t.Fatalf("a late joiner during the draw: number %d, %s", late.Number, late.State)
	}
	if p := b.place(3); p.Number != 0 || p.State != line.Gathering {
		t.Fatalf("a gathered person before the draw is done: number %d, %s", p.Number, p.State)
	}
	if _, err := b.Enter(b.ctx, theCampaign, Person(gathered), Device(1), false); !errors.Is(err, line.ErrNotYourTurn) {
		t.Fatalf("a late joiner enters before the draw is done: %v", err)
	}
	b.step()
	b.joinAll(gathered+1, 2*gathered)
	var early, after []uint32
	for n := range 2 * gathered {
		if p := b.place(n); n < gathered {
			early = append(early, p.Number)
		} else {
			after = append(after, p.Number)
		}
	}
	wantDense(t, early, 1, gathered)
	wantDense(t, after, gathered+1, 2*gathered)
	if d := b.draw(); d.Entrants != gathered {
		t.Errorf("%d entrants, want %d", d.Entrants, gathered)
	}
}

// facts are what may never change once it has been told.
type facts struct {
	Seq, Number []uint32
	Draw        line.Draw
	List        []byte
	Admitted    uint32
}

func (b *bench) facts(people int) facts {
	b.t.Helper()
	f := facts{Draw: b.draw(), Admitted: b.status().Admitted}
	for n := range people {
		p := b.place(n)
		f.Seq, f.Number = append(f.Seq, p.Seq), append(f.Number, p.Number)
	}
	if f.Draw.Drawn {
		f.List = b.entrants()
	}
	return f
}

func crashChangesNothing(t *testing.T, open Open) {
	b := start(t, open, config())
	b.plenty()
	people := 0
	for _, at := range []struct {
		name string
		to   func()
	}{
		{"before anybody joined", func() {}},
		{"gathering", func() { b.joinAll(0, 200) }},
		{"opened, not drawn", func() { b.clk.Set(opens); b.joinAll(200, 210) }},
		{"drawn", func() { b.step() }},
		{"admitting", func() { b.run(2 * time.Second) }},
		{"late joiners", func() { b.joinAll(210, 260) }},
		{"two days on", func() { b.clk.Add(48 * time.Hour); b.step() }},
	} {
		at.to()
		people = b.status().Joined
		before := b.facts(people)
		b.crash(b.c)
		if diff := cmp.Diff(before, b.facts(people)); diff != "" {
			t.Fatalf("%s: the crash changed (-before +after):\n%s", at.name, diff)
		}
		if b.clk.Now().Before(opens) {
			continue
		}
		b.step()
		if got := b.status().Admitted; got != before.Admitted {
			t.Fatalf("%s: before supply was told again %d were admitted, up from %d", at.name, got, before.Admitted)
		}
		b.plenty()
	}
	if people != 260 {
		t.Fatalf("%d joined", people)
	}
}

// changedConfigNeverRenumbers: other times or another order in the programme file change what comes, not what was given.
func changedConfigNeverRenumbers(t *testing.T, open Open) {
	b := start(t, open, config())
	b.plenty()
	b.joinAll(0, 50)

	later := config()
	later.Opens = opens.Add(time.Hour)
	b.crash(later)
	b.clk.Set(opens.Add(time.Minute))
	b.step()
	b.join(50)
	if p := b.place(50); p.Number != 0 {
		t.Fatalf("the opening was put off, yet a number was given: %d", p.Number)
	}
	b.clk.Set(later.Opens)
	b.plenty()
	b.step()
	b.join(51)
	b.run(time.Second)
	before := b.facts(52)
	wantDense(t, before.Number, 1, 52)
	if before.Admitted == 0 {
		t.Fatal("nobody was admitted")
	}

	putOff := config()
	putOff.Opens = later.Opens.Add(24 * time.Hour)
	arrivalNow := config()
	arrivalNow.Draw = false
	for _, c := range []line.Config{putOff, arrivalNow, config()} {
		b.crash(c)
		b.plenty()
		b.step()
		if diff := cmp.Diff(before, b.facts(52)); diff != "" && c.Opens.After(b.clk.Now()) {
			t.Fatalf("put off after the draw (-before +after):\n%s", diff)
		}
		after := b.facts(52)
		if !slices.Equal(before.Number, after.Number) || !slices.Equal(before.Seq, after.Seq) || before.Draw != after.Draw || after.Admitted < before.Admitted {
			t.Fatalf("config %+v changed what had been given", c)
		}
	}
	if p := b.join(52); p.Number != 53 {
		t.Fatalf("the next has number %d, want 53", p.Number)
	}
}

func campaignsAreApart(t *testing.T, open Open) {
	one, other := config(), config()
	other.Campaign = 0xfffffff0 // a large one: keys of engines must hold all 32 bits
	b := &bench{t: t, ctx: t.Context(), clk: NewClock(gathers), c: one}
	b.Engine = open(t, []line.Config{one, other}, b.clk.Now, someNames)
	b.plenty()
	b.joinAll(0, 30)
	for n := 20; n < 40; n++ {
		p, created, err := b.Join(b.ctx, other.Campaign, Person(n))
		if err != nil || !created || p.Seq != uint32(n-20)+1 {
			t.Fatalf("person %d in the other campaign: seq %d, created %v, %v", n, p.Seq, created, err)
		}
	}
	b.open()
	b.run(time.Second)
	o, err := b.Draw(b.ctx, other.Campaign)
	if err != nil {
		t.Fatal(err)
	}
	d := b.draw()
	if d.Commitment == o.Commitment || d.Entrants != 30 || o.Entrants != 20 {
		t.Fatalf("draws of two campaigns: %+v and %+v", d, o)
	}
	if s, err := b.Status(b.ctx, other.Campaign); err != nil || s.Admitted != 0 || b.status().Admitted == 0 {
		t.Fatalf("only one campaign has stock, yet the other admitted %d (%v)", s.Admitted, err)
	}
	b.Engine = b.Crash(t, []line.Config{one, other})
	if p, err := b.Place(b.ctx, other.Campaign, Person(39)); err != nil || p.Seq != 20 {
		t.Fatalf("after the crash: seq %d, %v", p.Seq, err)
	}
}
