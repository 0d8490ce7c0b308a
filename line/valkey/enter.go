package valkey

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"

	"charye/line"
	"charye/person"
)

// claimsKept is how long the numbers that took a pass are remembered for the next holder of the lease: beyond the longest
// time that a door counts on people who have not come yet.
const claimsKept = 10 * time.Minute

const (
	actEnter = "enter"
	actTake  = "take"
	actLeave = "leave"
)

type passRequest struct {
	lane   *lane
	who    person.Key
	device line.Device
	act    string
}

type passResult struct {
	serial  uint64
	expires int64
	err     error
}

// Enter implements [line.Line].
func (l *Line) Enter(ctx context.Context, campaign uint32, who person.Key, device line.Device, takeover bool) (line.Pass, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return line.Pass{}, err
	}
	if ln.skewed.Load() {
		return line.Pass{}, ErrClock
	}
	act := actEnter
	if takeover {
		act = actTake
	}
	res, err := l.passes.Do(ctx, passRequest{lane: ln, who: who, device: device, act: act})
	if err == nil {
		err = res.err
	}
	if err != nil {
		return line.Pass{}, err
	}
	return line.Pass{Campaign: campaign, Person: who, Device: device, Serial: res.serial, ExpiresAt: time.Unix(res.expires, 0).UTC()}, nil
}

// Leave implements [line.Line].
func (l *Line) Leave(ctx context.Context, campaign uint32, who person.Key) error {
	ln, err := l.lane(campaign)
	if err != nil {
		return err
	}
	res, err := l.passes.Do(ctx, passRequest{lane: ln, who: who, act: actLeave})
	if err == nil {
		err = res.err
	}
	return err
}

// CheckPass implements [line.Line]: one read of the campaign's slot.
func (l *Line) CheckPass(ctx context.Context, p line.Pass) error {
	ln, err := l.lane(p.Campaign)
	if err != nil {
		return err
	}
	if ln.skewed.Load() {
		return ErrClock
	}
	now := l.now()
	if !now.Before(ln.cfg.Closes) {
		return line.ErrNoPass
	}
	rec, err := l.livePass(ctx, ln, p.Person)
	if err != nil {
		return err
	}
	serial, expires := binary.BigEndian.Uint64([]byte(rec[16:24])), int64(binary.BigEndian.Uint64([]byte(rec[24:])))
	if line.Device([]byte(rec[:16])) != p.Device || serial != p.Serial || expires != p.ExpiresAt.Unix() || now.Unix() >= expires {
		return line.ErrNoPass
	}
	return nil
}

// Inside implements [line.Line]: one read of the campaign's slot.
func (l *Line) Inside(ctx context.Context, campaign uint32, who person.Key) (bool, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return false, err
	}
	now := l.now()
	rec, err := l.livePass(ctx, ln, who)
	if errors.Is(err, line.ErrNoPass) || err == nil && !now.Before(ln.cfg.Closes) {
		return false, nil
	}
	return err == nil && now.Unix() < int64(binary.BigEndian.Uint64([]byte(rec[24:]))), err
}

// livePass gives what the store has of a person's pass: 16 bytes of device, serial and expiry; [line.ErrNoPass] when it has none.
func (l *Line) livePass(ctx context.Context, ln *lane, who person.Key) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	rs := l.client.DoMulti(ctx,
		l.client.B().Hget().Key(ln.keys.own("line")).Field("epoch").Build(),
		l.client.B().Hget().Key(ln.keys.own("pass")).Field(string(who[:])).Build())
	epoch, err := rs[0].ToString()
	switch {
	case valkey.IsValkeyNil(err) || err == nil && epoch != ln.epochNow():
		return "", fmt.Errorf("%w: another epoch", ErrLost)
	case err != nil:
		return "", wrap(err)
	}
	rec, err := rs[1].ToString()
	switch {
	case valkey.IsValkeyNil(err):
		return "", line.ErrNoPass
	case err != nil:
		return "", wrap(err)
	case len(rec) != 32:
		return "", fmt.Errorf("%w: a pass", ErrDamaged)
	}
	return rec, nil
}

// enterable refuses whoever may have no pass at now, whatever else holds.
func (ln *lane) enterable(now time.Time) error {
	switch {
	case !now.Before(ln.cfg.Closes):
		return line.ErrClosed
	case now.Before(ln.cfg.Opens):
		return line.ErrNotOpen
	}
	return nil
}

// commitPasses is the passes pool's commit: the people's seqs from their buckets, then one script for each campaign.
func (l *Line) commitPasses(ctx context.Context, reqs []passRequest) ([]passResult, error) {
	results := make([]passResult, len(reqs))
	byLane := make(map[*lane][]int)
	for i, r := range reqs {
		byLane[r.lane] = append(byLane[r.lane], i)
	}
	var wg sync.WaitGroup
	for ln, at := range byLane {
		wg.Go(func() {
			if err := l.passLane(ctx, ln, reqs, results, at); err != nil {
				for _, i := range at {
					results[i] = passResult{err: err}
				}
			}
		})
	}
	wg.Wait()
	return results, nil
}

func (l *Line) passLane(ctx context.Context, ln *lane, reqs []passRequest, results []passResult, at []int) error {
	people := make([]person.Key, len(at))
	for k, i := range at {
		people[k] = reqs[i].who
	}
	found, err := l.lookup(ctx, ln, people)
	if err != nil {
		return err
	}
	now := l.now()
	args := []string{ln.epochNow(), strconv.FormatInt(now.Unix(), 10), strconv.Itoa(ln.cfg.Inside),
		strconv.FormatInt(ln.cfg.PassExpiry(now).Unix(), 10), strconv.FormatInt(claimsKept.Milliseconds(), 10), l.mostSkew()}
	var asked []int
	for k, i := range at {
		r := reqs[i]
		number := uint32(0)
		if r.act != actLeave {
			switch {
			case found[k].err != nil:
				results[i].err = found[k].err
			case found[k].seq == 0:
				results[i].err = line.ErrNoPlace
			default:
				results[i].err = ln.enterable(now)
			}
			if results[i].err != nil {
				continue
			}
			if number = ln.number(found[k].seq); number == 0 {
				results[i].err = line.ErrNotYourTurn
				continue
			}
		}
		args = append(args, r.act, string(r.who[:]), string(r.device[:]), strconv.FormatUint(uint64(number), 10))
		asked = append(asked, i)
	}
	if len(asked) == 0 {
		return nil
	}
	r, err := l.runDurably(ctx, call{passScript, []string{
		ln.keys.own("line"), ln.keys.own("pass"), ln.keys.own("inside"), ln.keys.own("claims"),
	}, args})
	if err != nil {
		return err
	}
	out, err := r.AsIntSlice()
	if err != nil {
		return wrap(err)
	}
	if len(out) != 3*len(asked)+1 {
		return fmt.Errorf("%w: %d answers for %d passes", ErrDamaged, len(out)/3, len(asked))
	}
	for k, i := range asked {
		code, serial, expires := out[3*k], out[3*k+1], out[3*k+2]
		results[i] = passResult{serial: uint64(serial), expires: expires, err: refusal(code)}
	}
	ln.inside.Store(out[3*len(asked)])
	return nil
}

func refusal(code int64) error {
	switch code {
	case 0:
		return nil
	case 1:
		return line.ErrNotYourTurn
	case 2:
		return line.ErrOtherDevice
	case 3:
		return line.ErrInsideFull
	}
	return fmt.Errorf("%w: code %d", ErrDamaged, code)
}
