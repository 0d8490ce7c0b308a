package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"charye/approval"
	"charye/supply"
	"charye/supply/order"
)

// saidVerdict is what every verdict says, on the command line and in the body of a request.
type saidVerdict struct {
	Case     string   `placeholder:"NAME" help:"What it is about, such as 2020-09-truck-11t-0412. A release ends the hold of its own case." json:"case"`
	Reason   string   `placeholder:"TEXT" help:"For people." json:"reason"`
	Evidence []string `placeholder:"TEXT" help:"What it rests on: files with digests, report numbers. May be repeated." json:"evidence"`

	Metres int           `default:"30000" placeholder:"N" help:"How far people may be sent; ${default} by default." json:"metres"`
	Until  string        `placeholder:"DATE" help:"Nobody is moved to a day after this one; 30 days from today by default." json:"until,omitempty"`
	Notice time.Duration `default:"2h" help:"Nobody is moved to a session that begins sooner than this; ${default} by default." json:"notice"`
}

// whichBoxes are the boxes that a verdict names.
type whichBoxes struct {
	Boxes string   `placeholder:"FILE" help:"SSCCs, one a line, as judge --only prints them."`
	Lot   string   `placeholder:"LOT" help:"All boxes of a lot; what may not go there from where it is, such as what is destroyed already, is left out."`
	SSCC  []string `arg:"" optional:"" placeholder:"SSCC" help:"The boxes."`
}

// verdictBody is a verdict as it is asked for on the command line.
type verdictBody struct {
	Action supply.Action `json:"action"`
	saidVerdict
	Boxes []byte `json:"boxes"`          // the SSCCs, in order, 8 bytes each, big-endian
	Undo  string `json:"undo,omitempty"` // SHA-256 of the plan that a release goes back by
}

func (b *verdictBody) sscc() (out []supply.SSCC, err error) {
	if len(b.Boxes) == 0 || len(b.Boxes)%8 != 0 {
		return nil, errors.New("no boxes")
	}
	for i := 0; i < len(b.Boxes); i += 8 {
		out = append(out, supply.SSCC(binary.BigEndian.Uint64(b.Boxes[i:])))
	}
	return out, nil
}

// shaOf is the digest of a file; empty of no name.
func shaOf(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sha256.Sum256(b)), nil
}

type supplyAskCmd struct {
	Where  supplyWhere   `embed:""`
	Said   saidVerdict   `embed:""`
	Life   time.Duration `default:"72h" placeholder:"TIME" help:"How long it may be agreed to and done, ${default} by default."`
	Undo   string        `placeholder:"FILE" help:"Of a release: the plan of the hold, by which people go back."`
	Action string        `arg:"" enum:"hold,release,recall,destroy" help:"hold, release, recall or destroy."`
	Boxes  whichBoxes    `embed:""`
}

// Run asks for a verdict, and says what it would do now.
func (c supplyAskCmd) Run(ctx context.Context, out streams) error {
	undo, err := shaOf(c.Undo)
	if err != nil {
		return fmt.Errorf("--undo: %w", err)
	}
	boxes, err := boxesOf(c.Boxes.Boxes, c.Boxes.SSCC)
	if err != nil {
		return err
	}
	if (len(boxes) == 0) == (c.Boxes.Lot == "") {
		return errNoBoxes
	}
	return c.Where.with(ctx, func(r *supplyRoom) (err error) {
		w, err := r.world(ctx, time.Now())
		if err != nil {
			return err
		}
		b := verdictBody{Action: supply.Action(c.Action), saidVerdict: c.Said, Undo: undo}
		v := supply.Verdict{Action: b.Action, Case: b.Case, Boxes: boxes, Reason: b.Reason, Evidence: b.Evidence, Asked: approval.Shell.String(), Agreed: "two managers"}
		if c.Boxes.Lot != "" {
			if v.Boxes = w.OfLot(c.Boxes.Lot, v); len(v.Boxes) == 0 {
				return errNoneOfLot(c.Boxes.Lot, v)
			}
		}
		for _, k := range v.Boxes {
			b.Boxes = binary.BigEndian.AppendUint64(b.Boxes, uint64(k))
		}
		reach, err := b.reach(w)
		if err != nil {
			return err
		}
		var earlier *order.Plan
		if c.Undo != "" {
			if earlier, err = readPlan(c.Undo); err != nil {
				return fmt.Errorf("--undo: %w", err)
			}
		}
		p, err := w.Make(ctx, v, order.Asked{Reach: reach, Earlier: earlier})
		if err != nil {
			return err
		}
		body, err := json.Marshal(b)
		if err != nil {
			return err
		}
		s, err := openApprovals(ctx, r.dir, c.Where.Postgres)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		lines := []string{
			fmt.Sprintf("%s %d boxes, case %s", v.Action, len(v.Boxes), v.Case),
			fmt.Sprintf("As of now %d of them change, with %d doses, at %d sites; %d doses of bookings move, %d find no other dose within reach", p.Boxes, p.Doses, p.Sites, len(p.Moves), len(p.Without)),
		}
		if c.Boxes.Lot != "" {
			lines = append(lines, "All boxes of lot "+c.Boxes.Lot+" that can be in it now")
		}
		for _, e := range v.Evidence {
			lines = append(lines, "Evidence: "+e)
		}
		return asking{Reason: c.Said.Reason, Life: c.Life}.ask(ctx, out.out, s, approval.Command, body, lines)
	})
}

func (s *saidVerdict) reach(w *order.World) (reach order.Reach, err error) {
	reach = order.Reach{Metres: s.Metres, Notice: s.Notice}
	reach.Until, err = dayOf("--until", s.Until, w.Today()+30)
	return reach, err
}

var errNoBoxes = &usageError{msg: "want boxes: SSCCs as arguments and --boxes FILE, or --lot"}

func errNoneOfLot(lot string, v supply.Verdict) error {
	return &usageError{msg: fmt.Sprintf("--lot: no box of lot %.40q can be in a %s of case %s", lot, v.Action, v.Case)}
}

// requested reads the verdict that a request is about: exactly that is given, and nothing of the command line beside it.
func (f *verdictFlags) requested(ctx context.Context, s approval.Store, action supply.Action, undo string) (v supply.Verdict, body []byte, err error) {
	r, err := s.Request(ctx, f.Request)
	if err != nil {
		return v, nil, err
	}
	if body, err = s.Body(ctx, r.ID); err != nil {
		return v, nil, err
	}
	var b verdictBody
	if r.Kind != approval.Command || json.Unmarshal(body, &b) != nil {
		return v, nil, fmt.Errorf("request %d is not one that `charye supply ask` made", r.ID)
	}
	if b.Action != action {
		return v, nil, fmt.Errorf("request %d is for: %s", r.ID, b.Action)
	}
	if sha, err := shaOf(undo); err != nil || sha != b.Undo {
		return v, nil, errors.Join(err, fmt.Errorf("--undo: request %d was asked for with another plan to go back by, or without one", r.ID))
	}
	boxes, err := b.sscc()
	if err != nil {
		return v, nil, fmt.Errorf("request %d: %w", r.ID, err)
	}
	f.Said = b.saidVerdict
	return supply.Verdict{
		Action: action, Case: b.Case, Boxes: boxes, Reason: b.Reason, Evidence: b.Evidence,
		Asked: fmt.Sprintf("request %d by %s", r.ID, r.Asked), Agreed: fmt.Sprintf("request %d: %d who were signed in", r.ID, r.Needs),
	}, body, nil
}
