package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"charye/internal/durable"
	"charye/person"
	"charye/site"
)

type importCmd struct {
	Sites  importSitesCmd  `cmd:"" help:"Import sites; known ones are updated by id."`
	Stock  importStockCmd  `cmd:"" help:"Import how many vials of a product sites have (CSV: site,vials)."`
	GLNs   importGLNsCmd   `cmd:"" name:"glns" help:"Import which GLN stands for which site (CSV: gln,site), for the supply room."`
	Roster importRosterCmd `cmd:"" help:"Import a roster (CSV: subject,identity,born); it replaces the one of that id whole."`
}

type importSitesCmd struct {
	Format   string `required:"" enum:"centres,hospitals,clinics,csv" help:"centres (the government API's JSON), hospitals, clinics or csv (id,name,kind,address,lat,lon,phone,region)."`
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; made when absent."`
	Skipped  bool   `help:"Name every row that could not be used, not only the first of each reason."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"Import into PostgreSQL instead; the data directory then only holds the keys."`
	File     string `arg:"" help:"The file, plain or gzipped."`
}

// Run imports a sites file: all of its usable rows or, when the file itself is wrong, none.
func (c importSitesCmd) Run(ctx context.Context, out streams) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sites, skipped, err := site.Read(c.Format, c.File, f)
	if err != nil {
		return err
	}
	dir, err := durable.OpenDir(c.Data)
	if err != nil {
		return err
	}
	if err := rightPlace(dir, c.Postgres); err != nil {
		return err
	}
	store, err := openSites(ctx, dir, c.Postgres)
	if err != nil {
		return err
	}
	added, changed, err := store.Put(ctx, sites, time.Now())
	if err := errors.Join(err, store.Close()); err != nil {
		return fmt.Errorf("import sites: %w", err)
	}
	unplaced := 0
	for _, s := range sites {
		if !s.Placed() {
			unplaced++
		}
	}
	_, _ = fmt.Fprintf(out.out, "%d sites read: %d new, %d changed, %d as they were; %d without a position (found by region only)\n",
		len(sites), added, changed, len(sites)-added-changed, unplaced)
	tellSkipped(out.out, skipped, c.Skipped)
	return nil
}

func tellSkipped(w io.Writer, skipped []site.Skipped, all bool) {
	if len(skipped) == 0 {
		return
	}
	byReason := make(map[string][]site.Skipped)
	for _, s := range skipped {
		byReason[s.Reason] = append(byReason[s.Reason], s)
	}
	reasons := make([]string, 0, len(byReason))
	for r := range byReason {
		reasons = append(reasons, r)
	}
	sort.Strings(reasons)
	_, _ = fmt.Fprintf(w, "%d rows could not be used:\n", len(skipped))
	for _, r := range reasons {
		rows := byReason[r]
		_, _ = fmt.Fprintf(w, "  %d × %s\n", len(rows), r)
		shown := rows
		if !all {
			shown = rows[:min(3, len(rows))]
		}
		for _, s := range shown {
			_, _ = fmt.Fprintf(w, "      row %d: %s %s\n", s.Row, s.ID, s.Name)
		}
		if n := len(rows) - len(shown); n > 0 {
			_, _ = fmt.Fprintf(w, "      … and %d more; --skipped names all\n", n)
		}
	}
}

type importRosterCmd struct {
	ID        string `placeholder:"ROSTER" help:"The roster's id, as campaigns name it; the file's name without its ending by default."`
	Namespace string `default:"ci" help:"The namespace of the subjects: what the identity providers' configuration says."`
	Data      string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default; made when absent."`
	Postgres  string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"Import into PostgreSQL instead; the data directory then only holds the keys."`
	DryRun    bool   `help:"Write nothing; say what would change."`
	File      string `arg:"" help:"The file, plain or gzipped."`
}

// Run replaces a roster, all or nothing.
func (c importRosterCmd) Run(ctx context.Context, out streams) error {
	if c.ID == "" {
		c.ID, _, _ = strings.Cut(filepath.Base(c.File), ".")
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	open := durable.OpenDir
	if c.DryRun {
		open = durable.ExistingDir // and makes none
	}
	dir, err := open(c.Data)
	if err != nil {
		return err
	}
	if err := rightPlace(dir, c.Postgres); err != nil {
		return err
	}
	keys, err := openKeys(dir)
	if err != nil {
		return err
	}
	store, err := openPeople(ctx, dir, c.Postgres, keys)
	if err != nil {
		return err
	}
	rows := person.ReadRoster(c.File, f, person.NewKeyer(keys), person.InNamespace(c.Namespace))
	if c.DryRun {
		d, err := person.CompareRoster(ctx, store, c.ID, rows)
		if err := errors.Join(err, store.Close()); err != nil {
			return fmt.Errorf("import roster: %w", err)
		}
		_, _ = fmt.Fprintf(out.out, "%d people would be in the roster %s: %d new, %d as before; %d would no longer be in it\nnothing was written\n",
			d.People, c.ID, d.New, d.People-d.New, d.Gone)
		return nil
	}
	n, err := store.ReplaceRoster(ctx, c.ID, rows, time.Now())
	if err := errors.Join(err, store.Close()); err != nil {
		return fmt.Errorf("import roster: %w", err)
	}
	_, _ = fmt.Fprintf(out.out, "%d people are in the roster %s\n", n, c.ID)
	return nil
}
