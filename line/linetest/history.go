package linetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"charye/line"
)

type opKind int

const (
	opJoin opKind = iota
	opEnter
	opTakeover
	opLeave
	opCheck
)

type op struct {
	kind   opKind
	who    int
	device int
	serial uint64 // with opCheck
}

type outcome struct {
	seq     uint32
	created bool
	serial  uint64
	err     string // "" or the refusal's text; anything unexpected fails the test at once
}

// standing is one person's state in the model: the order in which numbers are given and turns come is not modelled here,
// only that both last once they are there.
type standing struct {
	seq    uint32
	turn   bool
	serial uint64
	device int
	past   uint64 // the highest serial seen
}

var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := make(map[int][]porcupine.Operation)
		for _, o := range history {
			by[o.Input.(op).who] = append(by[o.Input.(op).who], o)
		}
		var parts [][]porcupine.Operation
		for _, p := range by {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return standing{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(standing), input.(op), output.(outcome)
		switch in.kind {
		case opJoin:
			if out.err != "" || out.seq == 0 || out.created != (s.seq == 0) || (s.seq != 0 && s.seq != out.seq) {
				return false, s
			}
			s.seq = out.seq
			return true, s
		case opEnter, opTakeover:
			switch out.err {
			case line.ErrNoPlace.Error():
				return s.seq == 0, s
			case line.ErrNotYourTurn.Error():
				return s.seq != 0 && !s.turn, s
			case line.ErrOtherDevice.Error():
				return in.kind == opEnter && s.serial != 0 && s.device != in.device, s
			}
			if s.serial != 0 && s.device == in.device {
				return out.serial == s.serial, s
			}
			if s.seq == 0 || out.serial <= s.past || (s.serial != 0 && in.kind == opEnter) {
				return false, s
			}
			s.turn, s.serial, s.past, s.device = true, out.serial, out.serial, in.device
			return true, s
		case opLeave:
			s.serial = 0
			return out.err == "", s
		default:
			return (out.err == "") == (s.serial != 0 && s.serial == in.serial), s
		}
	},
	DescribeOperation: func(input, output any) string {
		in, out := input.(op), output.(outcome)
		return fmt.Sprintf("%d person %d device %d serial %d → %+v", in.kind, in.who, in.device, in.serial, out)
	},
}

// linearizable: joins, entries, takeovers, departures and checks of a few people from many sides at once have a history
// that some order of single steps explains.
func linearizable(t *testing.T, open Open) {
	const people, clients, calls = 6, 8, 150
	c := arrival()
	b := start(t, open, c)
	b.plenty()
	b.open()

	var mu sync.Mutex
	seen := make(map[uint64]line.Pass)
	var serials []uint64
	histories := make([][]porcupine.Operation, clients)
	begin := time.Now()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(client), 3))
			for i := range calls {
				if i%10 == 5 {
					b.clk.Add(20 * time.Millisecond)
					if err := b.Step(b.ctx); err != nil {
						t.Errorf("step: %v", err)
					}
				}
				in := op{kind: opKind(rng.IntN(5)), who: rng.IntN(people), device: rng.IntN(3)}
				check := line.Pass{Campaign: theCampaign, Person: Person(in.who), Serial: 1 << 60, ExpiresAt: closes}
				if in.kind == opCheck {
					mu.Lock()
					if len(serials) > 0 {
						check = seen[serials[max(0, len(serials)-1-rng.IntN(6))]]
					}
					mu.Unlock()
					in.serial = check.Serial
					for n := range people {
						if Person(n) == check.Person {
							in.who = n
						}
					}
				}
				called := time.Since(begin).Nanoseconds()
				out, pass, err := b.perform(in, check)
				returned := time.Since(begin).Nanoseconds()
				if err != nil {
					t.Errorf("unexpected: %v", err)
					return
				}
				if out.serial != 0 {
					mu.Lock()
					seen[out.serial] = pass
					serials = append(serials, out.serial)
					mu.Unlock()
				}
				histories[client] = append(histories[client], porcupine.Operation{
					ClientId: client, Input: in, Call: called, Output: out, Return: returned,
				})
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	var history []porcupine.Operation
	for _, h := range histories {
		history = append(history, h...)
	}
	if res := porcupine.CheckOperationsTimeout(model, history, time.Minute); res != porcupine.Ok {
		t.Fatalf("the history of %d calls is not linearizable: %v", len(history), res)
	}
	if len(serials) == 0 {
		t.Fatal("nobody got in: the history shows nothing")
	}
}

func (b *bench) perform(in op, check line.Pass) (out outcome, pass line.Pass, err error) {
	switch in.kind {
	case opJoin:
		var p line.Place
		p, out.created, err = b.Join(b.ctx, theCampaign, Person(in.who))
		out.seq = p.Seq
	case opEnter, opTakeover:
		pass, err = b.Enter(b.ctx, theCampaign, Person(in.who), Device(in.device), in.kind == opTakeover)
		out.serial = pass.Serial
	case opLeave:
		err = b.Leave(b.ctx, theCampaign, Person(in.who))
	case opCheck:
		err = b.CheckPass(b.ctx, check)
	}
	for _, known := range []error{line.ErrNoPlace, line.ErrNotYourTurn, line.ErrOtherDevice, line.ErrNoPass} {
		if errors.Is(err, known) {
			out.err = known.Error()
			return out, pass, nil
		}
	}
	return out, pass, err
}
