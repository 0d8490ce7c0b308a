package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"charye/approval"
	"charye/internal/durable"
	"charye/programme"
	"charye/walk/manage"
)

type rulesCmd struct {
	Diff rulesDiffCmd `cmd:"" help:"Say what a programme file would change; nothing is changed."`
	Ask  rulesAskCmd  `cmd:"" help:"Ask two managers to agree to a programme file that changes the rules of a campaign that has begun. The next start with exactly this file takes it."`
}

// ruleChange is a file held against the one that is served.
type ruleChange struct {
	src, kept  []byte
	after      *programme.Programme
	first      firstStart
	open, rest []programme.Change
	needs      bool // others must agree
}

// changeOf holds a file against the kept one; kept is nil when there is none yet.
func changeOf(dir *durable.Dir, name string, src []byte, now time.Time) (c ruleChange, err error) {
	c.src = src
	if c.after, c.first, err = parseFor(dir, name, src); err != nil {
		return c, err
	}
	if c.kept, err = os.ReadFile(dir.File(programmeFile)); errors.Is(err, fs.ErrNotExist) {
		return c, nil
	} else if err != nil {
		return c, fmt.Errorf("data directory: %w", err)
	}
	before, err := servedProgramme(dir)
	if err != nil {
		return c, err
	}
	c.open, c.rest = programme.Differences(before, c.after, now)
	c.needs = before.FourEyes.On && len(c.open) > 0
	return c, nil
}

// rulesBody is what two people agree to: this file in the place of that one, whatever its ends of lines, which a browser's form changes.
func rulesBody(kept, src []byte) []byte {
	return append(fmt.Appendf(nil, "in the place of %x\n", sha256.Sum256(plainLines(kept))), plainLines(src)...)
}

func plainLines(b []byte) []byte {
	return append(bytes.TrimRight(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), "\n"), '\n')
}

// asked is the change as others are asked for it.
func (c *ruleChange) asked() manage.RuleChange {
	return manage.RuleChange{Open: c.open, Rest: c.rest, Needs: c.needs, Body: rulesBody(c.kept, c.src)}
}

// bodyFile is the file in a body.
func bodyFile(body []byte) []byte {
	_, file, _ := bytes.Cut(body, []byte("\n"))
	return file
}

// takeProgramme decides with which rules the server starts. A file that changes the rules of a campaign that has begun is taken when managers
// agreed to exactly this change; otherwise the rules that were kept are served on, and said so: a server that would not start would stop
// everybody for the sake of one change.
func takeProgramme(ctx context.Context, dir *durable.Dir, postgres, name string, src []byte, log *slog.Logger) (*programme.Programme, *manage.Rules, error) {
	c, err := changeOf(dir, name, src, time.Now())
	if err != nil {
		return nil, nil, err
	}
	take := func() error { return keep(dir, c.first, src) }
	if !c.needs {
		if len(c.open) > 0 || len(c.rest) > 0 {
			log.LogAttrs(ctx, slog.LevelInfo, "the programme file changed and is taken", slog.Int("changes", len(c.open)+len(c.rest)))
		}
		return c.after, nil, take()
	}
	how, err := takeAgreed(ctx, dir, postgres, c.kept, src, take)
	if err != nil {
		return nil, nil, err
	}
	if how == "" {
		log.LogAttrs(ctx, slog.LevelWarn, "rules of a campaign that has begun change, as agreed", slog.Int("changes", len(c.open)))
		return c.after, nil, nil
	}
	before, err := servedProgramme(dir)
	if err != nil {
		return nil, nil, err
	}
	w := &manage.Rules{File: name, Changes: c.open, How: how}
	log.LogAttrs(ctx, slog.LevelError, "THE PROGRAMME FILE IS NOT TAKEN: it changes rules of a campaign that has begun, and two must agree to that; the rules from before are served",
		slog.String("file", name), slog.String("state", how), slog.String("first", c.open[0].String()), slog.Int("changes", len(c.open)))
	return before, w, nil
}

// takeAgreed takes a file that was agreed to; how says what is missing where it was not.
func takeAgreed(ctx context.Context, dir *durable.Dir, postgres string, kept, src []byte, take func() error) (how string, err error) {
	s, err := openApprovals(ctx, dir, postgres)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	body := rulesBody(kept, src)
	r, err := agreed(ctx, s, approval.Programme, body, time.Now())
	switch {
	case err == nil:
		return "", carried(ctx, s, r, body, func() (string, error) { return "taken", take() })
	case !errors.Is(err, errNotAsked) && !errors.Is(err, errNotAgreed):
		return "", err
	}
	// Another node of the cluster may have taken it: then this one is late, and nothing is done a second time.
	last, found, lerr := lastTaken(ctx, s)
	if lerr != nil {
		return "", lerr
	}
	if found && bytes.Equal(bodyFile(last), plainLines(src)) {
		return "", take()
	}
	return err.Error(), nil
}

// lastTaken is the body of the last change of rules that was taken.
func lastTaken(ctx context.Context, s approval.Store) (body []byte, found bool, err error) {
	var at time.Time
	var id int64
	for before := int64(0); ; {
		list, err := s.Latest(ctx, before, approval.MaxOpen)
		if err != nil {
			return nil, false, err
		}
		if len(list) == 0 {
			break
		}
		for i := range list {
			if r := &list[i]; r.Kind == approval.Programme && r.Done.At.After(at) {
				at, id = r.Done.At, r.ID
			}
		}
		before = list[len(list)-1].ID
	}
	if id == 0 {
		return nil, false, nil
	}
	body, err = s.Body(ctx, id)
	return body, err == nil, err
}

type rulesDiffCmd struct {
	Data string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; also while it is served."`
	File string `arg:"" help:"The changed programme file."`
}

// Run says what would change.
func (c rulesDiffCmd) Run(out streams) error {
	dir, err := durable.ExistingDir(c.Data)
	if err != nil {
		return err
	}
	change, err := readChange(dir, c.File)
	if err != nil {
		return err
	}
	return change.write(out.out)
}

func readChange(dir *durable.Dir, name string) (c ruleChange, err error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return c, err
	}
	if c, err = changeOf(dir, name, src, time.Now()); err != nil {
		return c, err
	}
	if c.kept == nil {
		return c, fmt.Errorf("data directory %s has no programme yet; there is nothing to compare with", dir.Path())
	}
	return c, nil
}

func (c *ruleChange) write(w io.Writer) error {
	if len(c.open)+len(c.rest) == 0 {
		_, err := fmt.Fprintln(w, "nothing changes")
		return err
	}
	must := "rules of campaigns that have begun; two managers must agree (charye programme ask):"
	if !c.needs {
		must = "rules of campaigns that have begun; this trial asks nobody:"
	}
	for _, part := range []struct {
		title string
		list  []programme.Change
	}{{must, c.open}, {"other changes, which the next start takes:", c.rest}} {
		if len(part.list) == 0 {
			continue
		}
		if _, err := fmt.Fprintln(w, part.title); err != nil {
			return err
		}
		for _, v := range part.list {
			if _, err := fmt.Fprintf(w, "  %s\n", v); err != nil {
				return err
			}
		}
	}
	return nil
}

type rulesAskCmd struct {
	Where  where  `embed:""`
	Asking asking `embed:""`
	File   string `arg:"" help:"The changed programme file."`
}

// Run asks for exactly this change.
func (c rulesAskCmd) Run(ctx context.Context, out streams) error {
	return c.Where.requestsAt(ctx, func(dir *durable.Dir, _ *programme.Programme, s approval.Store) error {
		change, err := readChange(dir, c.File)
		if err != nil {
			return err
		}
		if !change.needs {
			return errors.Join(change.write(out.out), errors.New("nobody has to be asked: start the server with this file"))
		}
		asked := change.asked()
		return c.Asking.ask(ctx, out.out, s, approval.Programme, asked.Body, asked.Lines())
	})
}
