package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"charye/internal/pgdb"
	"charye/line"
)

// Fill makes the records of lines that another engine kept until now, with all their seats; see [pgdb.DB.Import]. A store that
// opens a line with such a record has to fill itself from it first, with so many buckets.
func (r *Records) Fill(ctx context.Context, source string, from line.Source, campaigns []uint32, buckets int) (done bool, err error) {
	done, err = r.db.Import(ctx, "lines", source, []string{"line_records", "line_seats"}, func(ctx context.Context, f *pgdb.Filling) error {
		for _, c := range campaigns {
			if err := fillLine(ctx, f, from, c, buckets); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("fill lines: %w", err)
	}
	return done, nil
}

func fillLine(ctx context.Context, f *pgdb.Filling, from line.Source, campaign uint32, buckets int) error {
	rec, err := from.Facts(ctx, campaign)
	if err != nil {
		return err
	}
	seats := f.Table("line_seats", "campaign", "seats")
	if err := from.Seats(ctx, campaign, func(list []line.Seat) error {
		row := make([]byte, 0, 20*len(list))
		for _, s := range list {
			row = binary.BigEndian.AppendUint32(append(row, s.Person[:]...), s.Seq)
			rec.Reserved = max(rec.Reserved, s.Seq)
		}
		if err := seats.Add(ctx, int64(campaign), row); err != nil {
			return err
		}
		return seats.Flush(ctx)
	}); err != nil {
		return err
	}
	var drawnAt any
	if !rec.DrawnAt.IsZero() {
		drawnAt = rec.DrawnAt
	}
	epoch := make([]byte, 16)
	_, _ = rand.Read(epoch) // never fails
	return f.Exec(ctx, `INSERT INTO line_records (campaign, epoch, seed, draw, buckets, reserved, admitted, gathered, drawn_at)
		VALUES ($1::bigint, $2::text, $3::bytea, $4::boolean, $5::integer, $6::bigint, $7::bigint, $8::bigint, $9::timestamptz)`,
		int64(campaign), hex.EncodeToString(epoch), rec.Seed[:], rec.Draw, buckets, int64(rec.Reserved), int64(rec.Admitted), rec.Gathered, drawnAt)
}
