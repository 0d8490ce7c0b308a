package valkey

import (
	"context"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/valkey-io/valkey-go"
)

// An automatic pace follows the latency of bookings, wherever they are made: nodes without the lease tell theirs to the one
// that has it, as milliseconds of two bytes each, once a step.
const (
	mostSaw    = 1024 // of one node in one step: all of them, as their number tells what the service bears
	speedsKept = 400  // entries: some seconds of many nodes
	speedsLive = 10 * time.Minute
)

// tellSpeeds tells the latencies that this node saw since the last step.
func (l *Line) tellSpeeds(ctx context.Context, ln *lane) error {
	ln.mu.Lock()
	saw := ln.saw
	ln.saw = nil
	ln.mu.Unlock()
	if len(saw) == 0 {
		return nil
	}
	b := make([]byte, 0, 2*len(saw))
	for _, d := range saw {
		b = binary.BigEndian.AppendUint16(b, uint16(min(max(d.Milliseconds(), 0), 1<<16-1)))
	}
	key := ln.keys.own("speeds")
	for _, r := range l.client.DoMulti(ctx,
		l.client.B().Xadd().Key(key).Maxlen().Almost().Threshold(strconv.Itoa(speedsKept)).Id("*").FieldValue().FieldValue("ms", valkey.BinaryString(b)).Build(),
		l.client.B().Pexpire().Key(key).Milliseconds(speedsLive.Milliseconds()).Build()) {
		if err := r.Error(); err != nil {
			return wrap(err)
		}
	}
	return nil
}

// hearSpeeds tells the door what other nodes saw since the last step.
func (l *Line) hearSpeeds(ctx context.Context, ln *lane) error {
	ln.mu.Lock()
	from := ln.speeds
	ln.mu.Unlock()
	entries, err := l.client.Do(ctx, l.client.B().Xrange().Key(ln.keys.own("speeds")).Start(from).End("+").Count(speedsKept).Build()).AsXRange()
	if valkey.IsValkeyNil(err) {
		return nil
	}
	if err != nil {
		return wrap(err)
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	for _, e := range entries {
		for b := []byte(e.FieldValues["ms"]); len(b) >= 2 && ln.door != nil; b = b[2:] {
			ln.door.Observe(time.Duration(binary.BigEndian.Uint16(b)) * time.Millisecond)
		}
		ln.speeds = "(" + e.ID
	}
	return nil
}
