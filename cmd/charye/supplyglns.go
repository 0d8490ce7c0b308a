package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"charye/approval"
	"charye/internal/durable"
	"charye/site"
	"charye/supply"
	"charye/supply/journal"
	"charye/supply/trace"
)

// glnFile is where a program before this one kept the table of GLNs in a data directory; glnOld is what it is called once it was taken over.
const (
	glnFile = "glns.csv"
	glnOld  = "glns.csv.taken-over"
)

type importGLNsCmd struct {
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL of a cluster, which then has the table for all nodes."`
	File     string `arg:"" help:"CSV with the header gln,site. It replaces the table whole."`
}

// Run keeps the table, when every site of it is there.
func (c importGLNsCmd) Run(ctx context.Context, out streams) (err error) {
	b, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	list, err := trace.ReadGLNs(c.File, bytes.NewReader(b))
	if err != nil {
		return err
	}
	dir, err := durable.ExistingDir(c.Data)
	if err != nil {
		return err
	}
	if err := rightPlace(dir, c.Postgres); err != nil {
		return err
	}
	places, err := openSites(ctx, dir, c.Postgres)
	if err != nil {
		return err
	}
	all, err := places.All(ctx)
	if err := errors.Join(err, places.Close()); err != nil {
		return err
	}
	sites := site.NewIndex(all)
	for _, g := range list {
		if _, ok := sites.ByID(g.Site); !ok {
			return fmt.Errorf("%s:%d: site: there is no site %q; nothing was changed", c.File, g.Line, g.Site)
		}
	}
	store, err := openVerdicts(ctx, dir, c.Postgres)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if _, err := store.Write(ctx, journal.Event{At: time.Now(), By: approval.Shell.String(), Kind: journal.GLNs, Table: journal.NewTable(b, tableOf(list))}); err != nil {
		return err
	}
	if err := setGLNFileAside(dir); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out.out, "%d GLNs of sites are known\n", len(list))
	return err
}

func hasFile(dir *durable.Dir, name string) bool {
	_, err := os.Stat(dir.File(name))
	return err == nil
}

func tableOf(list []trace.GLN) []journal.GLN {
	rows := make([]journal.GLN, len(list))
	for i, g := range list {
		rows[i] = journal.GLN{GLN: g.GLN, Site: g.Site}
	}
	return rows
}

// setGLNFileAside has the file of a program before this one not be looked at again.
func setGLNFileAside(dir *durable.Dir) error {
	err := os.Rename(dir.File(glnFile), dir.File(glnOld))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// takeOverGLNs brings the table that a program before this one kept as a file into the store, once, and says so.
func takeOverGLNs(ctx context.Context, dir *durable.Dir, store journal.Store, say func(string)) error {
	b, err := os.ReadFile(dir.File(glnFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	book, err := journal.Read(ctx, store)
	if err != nil {
		return err
	}
	if t, has := book.Table(); has {
		say(fmt.Sprintf("%s is not used: the supply store has a table of %d GLNs already; the file is called %s now", dir.File(glnFile), t.Count, glnOld))
		return setGLNFileAside(dir)
	}
	list, err := trace.ReadGLNs(dir.File(glnFile), bytes.NewReader(b))
	if err != nil {
		return err
	}
	e := journal.Event{At: time.Now(), By: glnFile + " of a program before this one", Kind: journal.GLNs, Table: journal.NewTable(b, tableOf(list))}
	if _, err := store.Write(ctx, e); err != nil {
		return err
	}
	say(fmt.Sprintf("the %d GLNs of %s are in the supply store now; the file is called %s and may be deleted", len(list), dir.File(glnFile), glnOld))
	return setGLNFileAside(dir)
}

// loadGLNs reads the table of the supply store; that of the file of a program before this one, where it was not taken over yet.
func loadGLNs(ctx context.Context, dir *durable.Dir, store journal.Store, sites *site.Index) (map[supply.GLN]site.Num, error) {
	rows, of, err := store.GLNs(ctx)
	if err != nil {
		return nil, err
	}
	if f, err := os.ReadFile(dir.File(glnFile)); err == nil && of == 0 {
		list, err := trace.ReadGLNs(dir.File(glnFile), bytes.NewReader(f))
		if err != nil {
			return nil, err
		}
		rows = tableOf(list)
	}
	out := make(map[supply.GLN]site.Num, len(rows))
	for _, g := range rows {
		if s, ok := sites.ByID(g.Site); ok {
			out[g.GLN] = s.Num
		}
	}
	return out, nil
}

// glnOfSites turns a table around. Of several numbers of one site the least is taken.
func glnOfSites(glns map[supply.GLN]site.Num) map[site.Num]supply.GLN {
	out := make(map[site.Num]supply.GLN, len(glns))
	for g, at := range glns {
		if old, ok := out[at]; !ok || g < old {
			out[at] = g
		}
	}
	return out
}
