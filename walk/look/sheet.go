package look

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"charye/internal/civil"
	"charye/person"
)

// Row is a look of staff as an auditor reads it: who, whom and at which desk are names that say nothing, the same each time.
type Row struct {
	Seq      int64
	At       time.Time
	Role     person.Role
	Clerk    string
	Desk     string
	Campaign string
	Why      string
	People   []string
}

// Sheet is a page of looks. Next is where the page behind goes on; 0: there is none.
type Sheet struct {
	Day  civil.Date
	Desk string
	Rows []Row
	Next int64
}

const (
	looksPage   = 50
	looksReach  = 20_000 // rows that one page goes through to find those of a desk
	lookNameLen = 6      // bytes: of a million people two share a name with a chance of 1 in 500
)

// name is the name that stands for a key in the auditor's pages.
func (b *Book) name(kind string, k person.Key) string {
	m := hmac.New(sha256.New, b.names[:])
	m.Write([]byte(kind))
	m.Write(k[:])
	return hex.EncodeToString(m.Sum(nil)[:lookNameLen])
}

// Read lists who looked at whom on a day in a time zone, the last first; desk, when it is not empty, is the name of the one desk to show.
func (b *Book) Read(ctx context.Context, day civil.Date, zone *time.Location, desk string, before int64) (Sheet, error) {
	out := Sheet{Day: day, Desk: desk}
	from, until := day.At(0, zone), (day+1).At(0, zone)
	for seen := 0; seen < looksReach; {
		list, err := b.store.Looks(ctx, from, until, before, 10*looksPage)
		if err != nil {
			return out, err
		}
		for i := range list {
			l := &list[i]
			before = l.Seq
			row := Row{Seq: l.Seq, At: l.At, Role: l.Role, Clerk: b.name("clerk", l.Clerk), Desk: b.name("desk", l.Desk), Campaign: l.Campaign, Why: l.Why}
			if desk != "" && row.Desk != desk {
				continue
			}
			for _, k := range l.People {
				row.People = append(row.People, b.name("person", k))
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
func (b *Book) StaffName(k person.Key) string { return b.name("clerk", k) }
