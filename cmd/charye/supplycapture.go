package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"charye/supply"
	custody "charye/supply/epcis"
	"charye/supply/logger"
	"charye/supply/trace"
)

type supplyCaptureCmd struct {
	Where supplyWhere `embed:""`
	Party string      `required:"" placeholder:"NAME" help:"Who tells it; kept with the events."`
	Files []string    `arg:"" placeholder:"FILE" help:"EPCIS 2.0 documents (JSON)."`
}

// mostEvents is how many events a file may have.
const mostEvents = 100_000

// Run captures documents as the HTTP interface does: each file whole or not at all, again is safe.
func (c supplyCaptureCmd) Run(ctx context.Context, out streams) error {
	return c.Where.with(ctx, func(r *supplyRoom) error {
		for _, name := range c.Files {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			events, err := custody.Parse(b, mostEvents)
			if err != nil {
				return fmt.Errorf("%s: %w; nothing of it was taken", name, err)
			}
			if err := r.capture(ctx, out.out, name, c.Party, events); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *supplyRoom) capture(ctx context.Context, to io.Writer, name, party string, events []*custody.Event) error {
	done, err := r.custody.Capture(ctx, []custody.Job{{By: party, At: time.Now(), Events: events}})
	if err != nil {
		return err
	}
	if err := done[0].Err; err != nil {
		return fmt.Errorf("%s: %w; nothing of it was taken", name, err)
	}
	_, err = fmt.Fprintf(to, "%s: %d events, %d of them new\n", name, len(events), done[0].New)
	return err
}

type supplyReadingsCmd struct {
	Where supplyWhere `embed:""`
	Point string      `required:"" placeholder:"P" help:"What the logger measured: the URI of a place, refrigerator or vehicle as custody names it, the 18 digits of a box or pallet that it rides with, the 13 of a GLN, or site:ID."`
	Zone  string      `placeholder:"ZONE" help:"Where the logger's clock was set to, such as Asia/Seoul; what the file says, or UTC, by default."`
	Files []string    `arg:"" placeholder:"FILE" help:"Exports of Berlinger loggers, or CSV with the header time,celsius; the first line tells which."`
}

// Run takes loggers' files into the log of custody. A wrong file is refused whole, with its line and field.
func (c supplyReadingsCmd) Run(ctx context.Context, out streams) error {
	point, err := pointOf(c.Point)
	if err != nil {
		return &usageError{msg: "--point: " + err.Error()}
	}
	var zone *time.Location
	if c.Zone != "" {
		if zone, err = time.LoadLocation(c.Zone); err != nil {
			return &usageError{msg: "--zone: " + err.Error()}
		}
	}
	return c.Where.with(ctx, func(r *supplyRoom) error {
		for _, name := range c.Files {
			events, doubts, err := readingsOf(name, point, zone)
			if err != nil {
				return fmt.Errorf("%s: %w; nothing of it was taken", name, err)
			}
			for _, d := range doubts { // kept all the same: the readings count, not what the file says of them
				_, _ = fmt.Fprintf(out.err, "%s does not agree with itself: %s\n", name, d)
			}
			if err := r.capture(ctx, out.out, name, "logger", events); err != nil {
				return err
			}
		}
		return nil
	})
}

func readingsOf(name, point string, zone *time.Location) (events []*custody.Event, doubts []string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	file, err := logger.Read(io.TeeReader(f, sum), zone)
	if err != nil {
		return nil, nil, err
	}
	if _, err := io.Copy(sum, f); err != nil {
		return nil, nil, err
	}
	made := fmt.Sprintf("%s sha256:%x", filepath.Base(name), sum.Sum(nil))
	var list []supply.Series
	if s, ok := file.Series(supply.Point(point), made); ok {
		list = append(list, s)
	}
	days := file.Summaries(supply.Point(point), made)
	if len(list) == 0 && len(days) == 0 {
		return nil, nil, fmt.Errorf("%w: it has neither readings nor daily sums", logger.ErrFormat)
	}
	events, err = trace.Readings(point, list, days, made)
	return events, file.Check(), err
}

// pointOf reads the name of a place, box or vehicle as people write it: a URI, 18 digits of an SSCC, 13 of a GLN, or site:ID.
func pointOf(text string) (string, error) {
	if k, ok := trace.SSCCOf(text); ok {
		return custody.Key("https://id.gs1.org/00/" + k.String()), nil
	}
	if g, err := supply.ParseGLN(text); err == nil {
		return custody.Key("https://id.gs1.org/414/" + g.String()), nil
	}
	if k, ok := trace.SGTINOf(text); ok {
		return trace.VialKey(k), nil
	}
	if id, ok := cutSite(text); ok {
		return trace.SiteURN(id), nil
	}
	for i := range len(text) {
		if text[i] == ':' && i > 0 {
			return custody.Key(text), nil
		}
	}
	return "", fmt.Errorf("%.60q names no place; want a URI, the 18 digits of an SSCC, the 13 of a GLN, the label of a vial, (01)…(21)…, or site:ID", text)
}

func cutSite(text string) (string, bool) {
	if len(text) > 5 && text[:5] == "site:" {
		return text[5:], true
	}
	return "", false
}
