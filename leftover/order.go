package leftover

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"charye/internal/civil"
)

// Order sorts entries of one site's list as people are offered doses on a day: who waits for the longest first. Somebody waits
// from the day on which they joined the list, or from the day of their last turn, whichever is later; of those who wait from
// the same day, who had a turn on it stand behind the others, the earlier turn first. Who joined on one day and had no turn since is drawn,
// anew each day, by a key that nobody outside knows: it is no use to join at a certain second.
//
// It depends on nothing that anybody could do more often or faster than others.
func Order(list []Entry, key [32]byte, day civil.Date) {
	type drawn struct {
		Entry
		by [sha256.Size]byte
	}
	all := make([]drawn, len(list))
	for i := range list {
		all[i] = drawn{Entry: list[i], by: draw(&list[i], key, day)}
	}
	slices.SortFunc(all, func(a, b drawn) int {
		return cmp.Or(place(&a.Entry, &b.Entry), bytes.Compare(a.by[:], b.by[:]))
	})
	for i := range all {
		list[i] = all[i].Entry
	}
}

// place compares what is the same for all equals; engines order by it, and give all equals or none.
func place(a, b *Entry) int {
	return cmp.Or(cmp.Compare(a.Since, b.Since), a.Turn.Compare(b.Turn))
}

// draw is HMAC-SHA256(key, campaign ‖ site ‖ day ‖ person), numbers in 4 bytes, the highest first.
func draw(e *Entry, key [32]byte, day civil.Date) (out [sha256.Size]byte) {
	h := hmac.New(sha256.New, key[:])
	var b [12]byte
	binary.BigEndian.PutUint32(b[0:], e.Campaign)
	binary.BigEndian.PutUint32(b[4:], uint32(e.Site))
	binary.BigEndian.PutUint32(b[8:], uint32(day))
	h.Write(b[:])
	h.Write(e.Person[:])
	h.Sum(out[:0])
	return out
}

// turn moves an entry behind all others, as of now.
func (e *Entry) turn(day civil.Date, at time.Time) { e.Since, e.Turn = day, at }

// join brings somebody into a list, behind all who are in it since an earlier day.
func (e *Entry) join(day civil.Date) {
	e.Left = false
	if day > e.Since {
		e.Since, e.Turn = day, time.Time{}
	}
}
