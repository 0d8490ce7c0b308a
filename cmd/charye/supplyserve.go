package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"charye/internal/clock"
	"charye/internal/durable"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/journal"
	"charye/supply/order"
	"charye/supply/room"
	"charye/supply/trace"
	"charye/supply/trace/kept"
)

// hasStorage reports whether a programme has rules by which boxes are judged: then there is a supply room.
func hasStorage(p *programme.Programme) bool {
	products, _ := order.Products(p)
	return len(products) > 0
}

// openRoom opens the supply room of a server; nil where no product has rules for its storage.
func (s *server) openRoom(ctx context.Context, dir *durable.Dir, postgres string) (*room.Room, error) {
	if !hasStorage(s.programme) {
		return nil, nil
	}
	var err error
	if s.verdicts, err = openVerdicts(ctx, dir, postgres); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, s.verdicts.Close)
	if err := takeOverGLNs(ctx, dir, s.verdicts, func(text string) { s.log.LogAttrs(ctx, slog.LevelWarn, text) }); err != nil {
		return nil, err
	}
	d := room.Deps{
		Programme: s.programme, Places: (&places{dir: dir, sites: s.sites, glns: s.verdicts}).now, Custody: s.custody, Verdicts: s.verdicts, Alarms: s.verdicts, Tasks: s.verdicts, Journal: s.verdicts, Ledger: s.ledger,
		Requests: s.approvals, Node: rand.Text(), Clock: clock.System, Log: s.log,
	}
	if len(s.alarmTo) > 0 {
		keyer := person.NewKeyer(s.keys)
		var to []person.Key
		for _, a := range s.alarmTo {
			k := keyer.Key("alarm address", string(a.Channel)+":"+a.Value)
			if err := s.keepAddress(ctx, k, a); err != nil {
				return nil, err
			}
			to = append(to, k)
		}
		d.Tell = func(ctx context.Context, list []room.Telling) error { return s.tellAlarms(ctx, to, list) }
	}
	file, read, err := kept.Open(ctx, dir.File(kept.Name), s.custody)
	if err != nil {
		return nil, err
	}
	d.Reader, d.Follower = read, &keptCustody{File: file, log: s.log}
	return room.New(ctx, d)
}

// keptCustody says once when what is read of custody cannot be kept: the story is right all the same.
type keptCustody struct {
	*kept.File
	log  *slog.Logger
	said bool
}

// Follow implements [trace.Follower].
func (k *keptCustody) Follow(ctx context.Context, r *trace.Reader, from trace.Source) error {
	err := k.File.Follow(ctx, r, from)
	if failed := k.Unkept != nil; failed != k.said {
		if k.said = failed; failed {
			k.log.LogAttrs(ctx, slog.LevelWarn, "what is read of custody cannot be kept; the next command or server reads it again", slog.Any("error", k.Unkept))
		}
	}
	return err
}

// places reads sites and GLNs again when either was imported anew. Safe for concurrent use.
type places struct {
	dir   *durable.Dir
	sites site.Store
	glns  journal.Store

	mu   sync.Mutex
	read room.Places
}

func (p *places) now(ctx context.Context) (room.Places, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	version, err := p.sites.Version(ctx)
	if err != nil {
		return room.Places{}, err
	}
	of, err := p.glns.GLNsOf(ctx)
	if err != nil {
		return room.Places{}, err
	}
	is := fmt.Sprint(version, " ", of)
	if is == p.read.Version {
		return p.read, nil
	}
	all, err := p.sites.All(ctx)
	if err != nil {
		return room.Places{}, err
	}
	index := site.NewIndex(all)
	glns, err := loadGLNs(ctx, p.dir, p.glns, index)
	if err != nil {
		return room.Places{}, err
	}
	numbers := glnOfSites(glns)
	p.read = room.Places{Sites: index, Site: siteOf(index, glns), Version: is, GLN: func(n site.Num) (supply.GLN, bool) { g, ok := numbers[n]; return g, ok }}
	return p.read, nil
}

// readAlarmTo reads --alarm-to.
func readAlarmTo(list []string) (out []notify.Address, err error) {
	for _, text := range list {
		way, value, _ := strings.Cut(text, ":")
		c, err := notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Channel(way), Value: value}}}.Clean(false)
		if err != nil || way == string(notify.Push) {
			return nil, &usageError{msg: fmt.Sprintf("--alarm-to: %.60q; want mail:name@example.org or text: and a telephone number", text)}
		}
		out = append(out, c.Addresses[0])
	}
	return out, nil
}

// keepAddress makes an address of the configuration one that the courier knows.
func (s *server) keepAddress(ctx context.Context, k person.Key, a notify.Address) error {
	c, err := s.outbox.Contact(ctx, k)
	if err == nil && len(c.Addresses) == 1 && c.Addresses[0] == a {
		return nil
	}
	if err != nil && !errors.Is(err, notify.ErrNoContact) {
		return err
	}
	return s.outbox.SetContact(ctx, k, notify.Contact{Lang: "ko", Addresses: []notify.Address{a}}, clock.System())
}

// tellAlarms hands alarms to the outbox. The id of a message comes from the alarm and the address: what is told again is told once.
func (s *server) tellAlarms(ctx context.Context, to []person.Key, list []room.Telling) error {
	var messages []notify.Message
	for _, t := range list {
		for _, k := range to {
			messages = append(messages, notify.OfAlarm(t.Seq, k, t.At))
		}
	}
	at, err := s.outbox.Begin(ctx, s.walk.Followed())
	if err != nil {
		return err
	}
	return s.outbox.Enqueue(ctx, at, at, messages, clock.System()) // overtaken by the courier: in the next round
}

// describeAlarm puts an alarm into facts, for the courier.
func (s *server) describeAlarm(ctx context.Context, seq int64) (notify.Facts, bool, error) {
	if s.room == nil {
		return notify.Facts{}, false, nil
	}
	t, ok, err := s.room.Telling(ctx, seq)
	if err != nil || !ok {
		return notify.Facts{}, false, err
	}
	where := string(t.Point)
	if at, ok, err := s.siteNamed(ctx, t.Site); err != nil {
		return notify.Facts{}, false, err
	} else if ok {
		where = at.Name
	} else if k, ok := trace.SSCCOf(where); ok {
		where = "SSCC " + k.String()
	} else if g, ok := trace.GLNOf(where); ok {
		where = "GLN " + g.String()
	}
	if where == "" {
		where = "SSCC " + t.Box.String()
	}
	return notify.Facts{
		Campaign: s.programme.Name, Zone: s.programme.Zone, Link: fmt.Sprintf("%s/supply/alarms/%d", s.url, seq),
		Alarm: notify.AlarmFacts{Cause: string(t.Cause), Where: where, Begin: t.Begin, Boxes: t.Boxes, Doses: t.Doses, More: t.More},
	}, true, nil
}

func (s *server) siteNamed(ctx context.Context, n site.Num) (site.Site, bool, error) {
	if n == 0 {
		return site.Site{}, false, nil
	}
	p, err := s.room.Places(ctx)
	if err != nil {
		return site.Site{}, false, err
	}
	at, ok := p.Sites.ByNum(n)
	return at, ok, nil
}
