package walk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"charye/internal/civil"
	"charye/person"
)

// LookRow is a look of staff as an auditor reads it: who, whom and at which desk are names that say nothing, the same each time.
type LookRow struct {
	Seq      int64
	At       time.Time
	Role     person.Role
	Clerk    string
	Desk     string
	Campaign string
	Why      string
	People   []string
}

// LookSheet is a page of looks. Next is where the page behind goes on; 0: there is none.
type LookSheet struct {
	Day  civil.Date
	Desk string
	Rows []LookRow
	Next int64
}

const (
	looksPage   = 50
	looksReach  = 20_000 // rows that one page goes through to find those of a desk
	lookNameLen = 6      // bytes: of a million people two share a name with a chance of 1 in 500
)

// lookName is the name that stands for a key in the auditor's pages.
func (w *Walk) lookName(kind string, k person.Key) string {
	m := hmac.New(sha256.New, w.lookKey[:])
	m.Write([]byte(kind))
	m.Write(k[:])
	return hex.EncodeToString(m.Sum(nil)[:lookNameLen])
}

// Looks lists who looked at whom on a day, the last first; desk, when it is not empty, is the name of the one desk to show.
func (w *Walk) Looks(ctx context.Context, a Actor, day civil.Date, desk string, before int64) (LookSheet, error) {
	out := LookSheet{Day: day, Desk: desk}
	if err := may(a, SeeLooks); err != nil {
		return out, err
	}
	from, until := day.At(0, w.programme.Zone), (day+1).At(0, w.programme.Zone)
	for seen := 0; seen < looksReach; {
		list, err := w.people.Looks(ctx, from, until, before, 10*looksPage)
		if err != nil {
			return out, unavailable(err)
		}
		for i := range list {
			l := &list[i]
			before = l.Seq
			row := LookRow{Seq: l.Seq, At: l.At, Role: l.Role, Clerk: w.lookName("clerk", l.Clerk), Desk: w.lookName("desk", l.Desk), Campaign: l.Campaign, Why: l.Why}
			if desk != "" && row.Desk != desk {
				continue
			}
			for _, k := range l.People {
				row.People = append(row.People, w.lookName("person", k))
			}
			if out.Rows = append(out.Rows, row); len(out.Rows) == looksPage {
				out.Next = before
				return out, nil
			}
		}
		if len(list) < 10*looksPage {
			return out, nil
		}
		seen += len(list)
	}
	out.Next = before
	return out, nil
}

// StaffName is the name that stands for a member of staff in pages and exports: it says nothing, and is the same each time.
func (w *Walk) StaffName(k person.Key) string { return w.lookName("clerk", k) }
