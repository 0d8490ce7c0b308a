package linetest

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"charye/line"
	"charye/person"
)

// failsClosed: nothing is given where nothing is known.
func failsClosed(t *testing.T, open Open) {
	const unknown = 8
	b := start(t, open, config())
	b.plenty()
	b.joinAll(0, 5)
	b.open()
	b.run(time.Second)
	who, device := Person(0), Device(0)
	for _, c := range []struct {
		call string
		err  error
		want error
	}{
		{"Join of an unknown campaign", second(b.Join(b.ctx, unknown, who)), line.ErrNoCampaign},
		{"Place of an unknown campaign", first(b.Place(b.ctx, unknown, who)), line.ErrNoCampaign},
		{"Status of an unknown campaign", first(b.Status(b.ctx, unknown)), line.ErrNoCampaign},
		{"Enter of an unknown campaign", first(b.Enter(b.ctx, unknown, who, device, false)), line.ErrNoCampaign},
		{"CheckPass of an unknown campaign", b.CheckPass(b.ctx, line.Pass{Campaign: unknown, Person: who}), line.ErrNoCampaign},
		{"Leave of an unknown campaign", b.Leave(b.ctx, unknown, who), line.ErrNoCampaign},
		{"Near of an unknown campaign", first(b.Near(b.ctx, unknown, time.Minute)), line.ErrNoCampaign},
		{"Inside of an unknown campaign", first(b.Inside(b.ctx, unknown, who)), line.ErrNoCampaign},
		{"Draw of an unknown campaign", first(b.Draw(b.ctx, unknown)), line.ErrNoCampaign},
		{"Entrants of an unknown campaign", first(b.Entrants(b.ctx, unknown)), line.ErrNoCampaign},
		{"Place of a stranger", first(b.Place(b.ctx, theCampaign, Person(99))), line.ErrNoPlace},
		{"Enter of a stranger", first(b.Enter(b.ctx, theCampaign, Person(99), device, true)), line.ErrNoPlace},
		{"CheckPass of a stranger", b.CheckPass(b.ctx, line.Pass{Campaign: theCampaign, Person: Person(99), Serial: 1, ExpiresAt: closes}), line.ErrNoPass},
		{"CheckPass without a pass", b.CheckPass(b.ctx, line.Pass{Campaign: theCampaign, Person: who, ExpiresAt: closes}), line.ErrNoPass},
		{"Leave of a stranger", b.Leave(b.ctx, theCampaign, Person(99)), nil},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: got %v, want %v", c.call, c.err, c.want)
		}
	}
	if p, _, err := b.Join(b.ctx, theCampaign, person.Key{}); err == nil {
		t.Errorf("nobody, the zero key, was given place %d", p.Seq)
	}
	b.Supply(unknown, 1, 1)
	b.Observe(unknown, time.Second)

	p := b.enter(0, 0)
	for _, forged := range []func(*line.Pass){
		func(p *line.Pass) { p.Serial++ },
		func(p *line.Pass) { p.Device = Device(1) },
		func(p *line.Pass) { p.Person = Person(1) },
		func(p *line.Pass) { p.ExpiresAt = p.ExpiresAt.Add(time.Hour) },
	} {
		f := p
		forged(&f)
		b.checkPass(f, line.ErrNoPass)
	}
	b.checkPass(p, nil)
}

func first[A any](_ A, err error) error          { return err }
func second[A, B any](_ A, _ B, err error) error { return err }

// phases: who may join and enter when, by the server's clock alone.
func phases(t *testing.T, open Open) {
	b := start(t, open, config())
	b.plenty()
	joinFails := func(want error) {
		t.Helper()
		if _, _, err := b.Join(b.ctx, theCampaign, Person(77)); !errors.Is(err, want) {
			t.Fatalf("at %v a join gave %v, want %v", b.clk.Now(), err, want)
		}
	}
	b.clk.Set(gathers.Add(-time.Nanosecond))
	joinFails(line.ErrNotOpen)
	b.clk.Set(gathers)
	b.join(0)
	b.enterFails(0, 0, line.ErrNotOpen)
	p := b.place(0)
	if p.Wait != [2]time.Duration{time.Hour, time.Hour} || p.PollAfter <= time.Hour || p.PollAfter > time.Hour+5*time.Second {
		t.Fatalf("an hour before the opening: wait %v, poll after %v", p.Wait, p.PollAfter)
	}
	b.open()
	b.run(time.Second)
	if p := b.place(0); p.State != line.Admitted || p.Wait != [2]time.Duration{} || p.Ahead != 0 {
		t.Fatalf("the only one after the opening: %+v", p)
	}

	b.clk.Set(closes.Add(-time.Minute))
	b.step()
	pass := b.enter(0, 0)
	if !pass.ExpiresAt.Equal(closes) {
		t.Errorf("a pass made a minute before the closing ends at %v, want %v", pass.ExpiresAt, closes)
	}
	b.join(1)
	b.clk.Set(closes)
	b.step()
	joinFails(line.ErrClosed)
	b.checkPass(pass, line.ErrNoPass)
	b.enterFails(0, 0, line.ErrClosed)
	if b.place(1).State == line.Admitted {
		t.Error("somebody was admitted at the closing")
	}
	if _, created, err := b.Join(b.ctx, theCampaign, Person(1)); created || err != nil {
		t.Errorf("whoever has a place keeps it after the closing: created %v, %v", created, err)
	}
}

// admissionHoldsItsLimits: admission only grows, and never faster than the rate, beyond the room or beyond the stock.
func admissionHoldsItsLimits(t *testing.T, open Open) {
	const people = 500
	rng := rand.New(rand.NewPCG(1, 2))
	c := config()
	c.Inside = 40
	b := start(t, open, c)
	b.joinAll(0, people)
	b.open()
	byNumber := make(map[uint32]int, people)
	for n := range people {
		byNumber[b.place(n).Number] = n
	}
	last, entered, left := uint32(0), uint32(0), 0
	stock := 300
	for tick := range 400 {
		b.Supply(theCampaign, stock, stock)
		b.clk.Add(250 * time.Millisecond)
		b.step()
		now := b.status().Admitted
		if now < last {
			t.Fatalf("admitted fell from %d to %d", last, now)
		}
		if float64(now-last) > 50 {
			t.Fatalf("tick %d: %d admitted in one step of a rate of 50 a second", tick, now-last)
		}
		if most := 50 * (float64(tick+1)/4 + 1); float64(now) > most {
			t.Fatalf("%d admitted after %d ticks, the rate allows %v", now, tick+1, most)
		}
		last = now
		for entered < now && rng.IntN(3) > 0 {
			if _, err := b.Enter(b.ctx, theCampaign, Person(byNumber[entered+1]), Device(0), false); errors.Is(err, line.ErrInsideFull) {
				break // comes again when there is room
			} else if err != nil {
				t.Fatal(err)
			}
			entered++
		}
		if in := b.status().Inside; in > c.Inside {
			t.Fatalf("%d inside, limit %d", in, c.Inside)
		}
		for left < int(entered) && rng.IntN(2) > 0 {
			left++
			if err := b.Leave(b.ctx, theCampaign, Person(byNumber[uint32(left)])); err != nil {
				t.Fatal(err)
			}
			stock = max(stock-1, 0)
		}
	}
	if stock != 0 || last < 300 || last > 350 {
		t.Errorf("stock of 300 ended at %d with %d admitted", stock, last)
	}
}

// leaversDoNotBlock: people who never come when it is their turn hold nobody up for longer than the grace.
func leaversDoNotBlock(t *testing.T, open Open) {
	c := arrival()
	c.Inside = 10
	b := start(t, open, c)
	b.plenty()
	b.joinAll(0, 30)
	b.open()
	b.run(line.Grace * 2 / 3)
	if a := b.status().Admitted; a != 10 {
		t.Fatalf("%d admitted while 10 may still come, want 10", a)
	}
	b.run(2*line.Grace + 20*time.Second)
	if a := b.status().Admitted; a != 30 {
		t.Fatalf("%d admitted although nobody came, want all 30", a)
	}
	b.clk.Add(24 * time.Hour)
	b.enter(0, 0) // coming late costs nothing but time
}

// noInversions: at every moment exactly the numbers up to admitted may enter.
func noInversions(t *testing.T, open Open) {
	const people = 120
	b := start(t, open, config())
	b.plenty()
	b.joinAll(0, people)
	b.open()
	for b.status().Admitted < 60 {
		b.clk.Add(250 * time.Millisecond)
		b.step()
		admitted := b.status().Admitted
		for n := range people {
			p := b.place(n)
			_, err := b.Enter(b.ctx, theCampaign, Person(n), Device(n), false)
			if turn := p.Number <= admitted; turn != (err == nil) || turn != (p.State == line.Admitted) || (!turn && !errors.Is(err, line.ErrNotYourTurn)) {
				t.Fatalf("number %d of %d admitted is %s and was told %v", p.Number, admitted, p.State, err)
			}
			if p.State != line.Admitted && p.Ahead != int(p.Number-admitted)-1 {
				t.Fatalf("number %d of %d admitted has %d ahead", p.Number, admitted, p.Ahead)
			}
		}
	}
}

// soldOutStandbyNewStock: sold out is shown at once; the rest keep their order, and new stock goes on in it.
func soldOutStandbyNewStock(t *testing.T, open Open) {
	b := start(t, open, arrival())
	b.joinAll(0, 100)
	b.open()
	b.run(5 * time.Second)
	if a := b.status().Admitted; a != 0 {
		t.Fatalf("%d admitted before any stock was told", a)
	}
	b.Supply(theCampaign, 7, 7)
	b.run(5 * time.Second)
	if a := b.status().Admitted; a != 7 {
		t.Fatalf("%d admitted to a stock of 7", a)
	}
	b.run(line.Promise / 2)
	if a := b.status().Admitted; a != 7 {
		t.Fatalf("%d admitted while the stock of 7 is promised, whoever sleeps", a)
	}
	for number := range uint32(7) {
		n := b.numbered(number + 1)
		b.enter(n, 0)
		if err := b.Leave(b.ctx, theCampaign, Person(n)); err != nil {
			t.Fatal(err)
		}
	}
	b.Supply(theCampaign, 0, 3)
	b.run(time.Minute)
	if s := b.status(); s.Admitted != 7 || s.SoldOut {
		t.Fatalf("all is held, none booked for good: admitted %d, sold out %v", s.Admitted, s.SoldOut)
	}
	b.Supply(theCampaign, 0, 0)
	if s := b.status(); !s.SoldOut {
		t.Fatal("sold out does not show at once")
	}
	for n := range 100 {
		p := b.place(n)
		want := line.Standby
		if p.Number <= 7 {
			want = line.Admitted
		}
		if p.State != want {
			t.Fatalf("number %d is %s when sold out, want %s", p.Number, p.State, want)
		}
		if want == line.Standby && (p.Wait != [2]time.Duration{-1, -1} || p.PollAfter > line.MaxPoll) {
			t.Fatalf("standby: wait %v, poll after %v", p.Wait, p.PollAfter)
		}
	}
	if p := b.join(100); p.State != line.Standby || p.Number != 101 {
		t.Fatalf("who joins when sold out: %s, number %d", p.State, p.Number)
	}
	b.run(time.Minute)
	before := b.facts(101)
	b.crash(b.c)
	b.Supply(theCampaign, 0, 0)
	b.step()
	if after := b.facts(101); after.Admitted != 7 || !b.status().SoldOut {
		t.Fatalf("after a crash %d are admitted, sold out %v", after.Admitted, b.status().SoldOut)
	}
	b.Supply(theCampaign, 5, 5)
	if b.status().SoldOut {
		t.Fatal("new stock does not show at once")
	}
	b.run(2 * time.Second)
	if a := b.status().Admitted; a != 12 {
		t.Fatalf("%d admitted after 5 more came to 7", a)
	}
	for n, number := range before.Number {
		if p := b.place(n); p.Number != number || (p.State == line.Admitted) != (number <= 12) {
			t.Fatalf("number %d is now %d, %s", number, p.Number, p.State)
		}
	}
}

// standbyCalls: once a line stands by, whoever was called is admitted and nobody else, whatever stock there is; and the line tells
// whose the numbers are, drawn or not.
func standbyCalls(t *testing.T, open Open) {
	for name, c := range map[string]line.Config{"arrival": arrival(), "draw": config()} {
		t.Run(name, func(t *testing.T) {
			b := start(t, open, c)
			b.joinAll(0, 60)
			b.open()
			b.Supply(theCampaign, 5, 5)
			b.run(5 * time.Second)
			b.joinAll(60, 70) // behind those who gathered
			b.Supply(theCampaign, 0, 0)
			b.StandBy(theCampaign, 0)
			b.run(5 * time.Second)
			b.Supply(theCampaign, 1000, 1000)
			b.StandBy(theCampaign, 9)
			b.run(10 * time.Second)
			if a := b.status().Admitted; a != 9 {
				t.Fatalf("%d admitted, 9 were called", a)
			}
			b.Supply(theCampaign, 0, 3) // all that is left is kept for those who were called
			b.StandBy(theCampaign, 12)
			b.run(5 * time.Second)
			if a := b.status().Admitted; a != 12 || !b.Leads(theCampaign) {
				t.Fatalf("%d admitted, 12 were called; leads: %v", a, b.Leads(theCampaign))
			}
			for n := range 70 {
				p, want := b.place(n), line.Standby
				if p.Number <= 12 {
					want = line.Admitted
				}
				if p.State != want {
					t.Fatalf("number %d is %s, want %s", p.Number, p.State, want)
				}
				who, err := b.Numbered(b.ctx, theCampaign, p.Number-1, 1)
				if err != nil || len(who) != 1 || who[0] != Person(n) {
					t.Fatalf("number %d is told to be of %v (%v), want %v", p.Number, who, err, Person(n))
				}
			}
			all, err := b.Numbered(b.ctx, theCampaign, 0, 1000)
			if err != nil || len(all) != 70 {
				t.Fatalf("%d numbers, %v; want 70", len(all), err)
			}
			if beyond, err := b.Numbered(b.ctx, theCampaign, 70, 10); err != nil || len(beyond) != 0 {
				t.Fatalf("%d beyond the last number, %v", len(beyond), err)
			}
		})
	}
}

// near: whose turn is near is judged as their own page tells them, and nobody is near where nobody is let in.
func near(t *testing.T, open Open) {
	b := start(t, open, arrival())
	b.plenty()
	b.joinAll(0, 200)
	upTo := func(within time.Duration) uint32 {
		t.Helper()
		n, err := b.Near(b.ctx, theCampaign, within)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	b.run(time.Second)
	if n := upTo(time.Hour); n != 0 {
		t.Fatalf("number %d is near before the opening", n)
	}
	b.open()
	b.run(time.Second)
	for _, within := range []time.Duration{5 * time.Second, 30 * time.Second, time.Hour} {
		n := upTo(within)
		if a := b.status().Admitted; n <= a || n > 200 {
			t.Fatalf("within %v up to %d, and %d are admitted", within, n, a)
		}
		for _, number := range []uint32{n, n + 1} {
			if number > 200 {
				continue
			}
			w := b.place(b.numbered(number)).Wait
			if is := w[0]/2+w[1]/2 <= within; is != (number <= n) {
				t.Fatalf("number %d waits %v; near within %v are those up to %d", number, w, within, n)
			}
		}
	}
	b.Supply(theCampaign, 0, 0)
	b.run(time.Second)
	if n := upTo(time.Hour); n != 0 {
		t.Fatalf("number %d is near when it is sold out", n)
	}
}

func pause(t *testing.T, open Open) {
	c := arrival()
	c.Pauses = []line.Window{{From: opens.Add(time.Second), To: opens.Add(time.Hour)}}
	b := start(t, open, c)
	b.plenty()
	b.joinAll(0, 90)
	b.open()
	b.run(30 * time.Minute)
	if a := b.status().Admitted; a < 25 || a > 50 {
		t.Fatalf("%d admitted in the second before the pause", a)
	}
	p := b.place(b.numbered(90))
	if left := b.c.Pauses[0].To.Sub(b.clk.Now()); p.State != line.Waiting || p.Wait[0] < left {
		t.Fatalf("in a pause: %s, wait %v, which goes on for %v", p.State, p.Wait, left)
	}
	p = b.join(91)
	if p.State != line.Waiting {
		t.Fatalf("joining in a pause: %s", p.State)
	}
	before := b.status().Admitted
	b.clk.Set(c.Pauses[0].To.Add(-time.Nanosecond))
	b.step()
	if a := b.status().Admitted; a != before {
		t.Fatalf("%d were admitted in the pause", a-before)
	}
	b.clk.Set(c.Pauses[0].To)
	b.run(10 * time.Second)
	if a := b.status().Admitted; a != 91 {
		t.Fatalf("%d admitted after the pause, want 91", a)
	}
}

// numbered finds the person of a number among the first 200.
func (b *bench) numbered(number uint32) int {
	b.t.Helper()
	for n := range 200 {
		if p, err := b.Place(b.ctx, theCampaign, Person(n)); err == nil && p.Number == number {
			return n
		}
	}
	b.t.Fatalf("nobody has number %d", number)
	return 0
}
