package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"charye/internal/durable"
	"charye/site"
	"charye/supply/trace"
)

type importGLNsCmd struct {
	Data     string `default:"charye-data" placeholder:"DIR" help:"The data directory, ${default} by default."`
	Postgres string `env:"CHARYE_POSTGRES" placeholder:"URL" help:"The PostgreSQL that has the sites; the table itself stays in the data directory."`
	File     string `arg:"" help:"CSV with the header gln,site. It replaces the table whole."`
}

// Run keeps the table, when every site of it is there.
func (c importGLNsCmd) Run(ctx context.Context, out streams) error {
	b, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	list, err := trace.ReadGLNs(c.File, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	dir, err := durable.ExistingDir(c.Data)
	if err != nil {
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
	if err := durable.WriteFile(dir.File(glnFile), b); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out.out, "%d GLNs of sites are known\n", len(list))
	return err
}
