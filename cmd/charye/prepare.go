package main

import (
	"context"
	"fmt"
	"maps"

	approvalpostgres "charye/approval/postgres"
	bookingpostgres "charye/booking/postgres"
	"charye/internal/pgdb"
	"charye/internal/seal"
	leftoverpostgres "charye/leftover/postgres"
	linepostgres "charye/line/postgres"
	notifypostgres "charye/notify/postgres"
	personpostgres "charye/person/postgres"
	sitepostgres "charye/site/postgres"
	custodypostgres "charye/supply/epcis/postgres"
	supplypostgres "charye/supply/postgres"
)

type prepareCmd struct {
	Postgres string `required:"" env:"CHARYE_POSTGRES" placeholder:"URL" help:"The database, as the role that owns the tables or is to own them."`
	Role     string `placeholder:"NAME" help:"The role that serves: it gets what serving needs, and can neither change nor take away what happened. It exists already and owns nothing here."`
}

// Run brings all rooms' tables up to date and gives the serving role its rights. It may be run again, and while nodes serve.
func (c prepareCmd) Run(ctx context.Context, std streams) error {
	for _, open := range []func() (interface{ Close() error }, error){
		func() (interface{ Close() error }, error) { return sitepostgres.Open(ctx, c.Postgres) },
		func() (interface{ Close() error }, error) { return personpostgres.Open(ctx, c.Postgres, &seal.Keys{}) },
		func() (interface{ Close() error }, error) { return bookingpostgres.Open(ctx, c.Postgres) },
		func() (interface{ Close() error }, error) { return notifypostgres.Open(ctx, c.Postgres, &seal.Keys{}) },
		func() (interface{ Close() error }, error) { return linepostgres.Open(ctx, c.Postgres) },
		func() (interface{ Close() error }, error) { return leftoverpostgres.Open(ctx, c.Postgres) },
		func() (interface{ Close() error }, error) { return approvalpostgres.Open(ctx, c.Postgres) },
		func() (interface{ Close() error }, error) { return custodypostgres.Open(ctx, c.Postgres) },
		func() (interface{ Close() error }, error) { return supplypostgres.Open(ctx, c.Postgres) },
	} {
		room, err := open()
		if err != nil {
			return err
		}
		if err := room.Close(); err != nil {
			return err
		}
	}
	if c.Role == "" {
		_, err := fmt.Fprintln(std.out, "the tables are up to date")
		return err
	}
	kept := pgdb.Kept{}
	for _, room := range []pgdb.Kept{approvalpostgres.Kept, bookingpostgres.Kept, custodypostgres.Kept, supplypostgres.Kept} {
		maps.Copy(kept, room)
	}
	if err := pgdb.Grant(ctx, c.Postgres, c.Role, kept); err != nil {
		return err
	}
	_, err := fmt.Fprintf(std.out, "the tables are up to date; %s may serve with them, and can only add to what happened\n", c.Role)
	return err
}
