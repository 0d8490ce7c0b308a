package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"charye/internal/civil"
	"charye/internal/durable"
	"charye/internal/seal"
	"charye/person"
	"charye/programme"
)

// trialSessionLife is how long a made-up session lasts: longer than any trial.
const trialSessionLife = 24 * time.Hour

type sessionCmd struct {
	Data   string `required:"" placeholder:"DIR" help:"The data directory of a trial programme that was served once."`
	People int    `required:"" placeholder:"N" help:"How many people."`
	Born   string `placeholder:"DATE" help:"Their date of birth; by default one that the first campaign takes."`
	From   int    `default:"1" placeholder:"N" help:"The number of the first person; the same number is the same person."`
}

// Run prints the sessions.
func (c sessionCmd) Run(ctx context.Context, out streams) error {
	if c.People < 1 || c.From < 1 {
		return &usageError{msg: "--people and --from: want 1 or more"}
	}
	mint, err := openMint(c.Data)
	if err != nil {
		return err
	}
	born := bornFor(&mint.programme.Campaigns[0])
	if c.Born != "" {
		if born, err = civil.Parse(c.Born); err != nil {
			return &usageError{msg: "--born: " + err.Error()}
		}
	}
	w := bufio.NewWriter(out.out)
	enc := json.NewEncoder(w)
	for n := c.From; n < c.From+c.People; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		who, token, err := mint.session(n, born)
		if err != nil {
			return err
		}
		if err := enc.Encode(struct {
			Person  string `json:"person"`
			Session string `json:"session"`
		}{who.String(), token}); err != nil {
			return err
		}
	}
	return w.Flush()
}

// mint makes sessions of made-up people with the server's own keys.
type mint struct {
	dir       *durable.Dir
	programme *programme.Programme
	keys      *seal.Keys
	sessions  *person.Sessions
	keyer     *person.Keyer
	now       time.Time
}

// openMint refuses unless the directory's programme is a trial.
func openMint(data string) (*mint, error) {
	dir, err := durable.ExistingDir(data)
	if err != nil {
		return nil, err
	}
	p, err := servedProgramme(dir)
	if err != nil {
		return nil, err
	}
	if !p.Trial {
		return nil, fmt.Errorf("the programme %s is not marked `trial: true`; sessions are made up for trials only", p.ID)
	}
	keys, err := seal.Load(dir.File(keyFile), kms)
	if err != nil {
		return nil, fmt.Errorf("the server's key file is needed: %w", err)
	}
	return &mint{
		dir: dir, programme: p, keys: keys,
		sessions: person.NewSessions(keys), keyer: person.NewKeyer(keys), now: time.Now().Truncate(time.Second),
	}, nil
}

func (m *mint) session(n int, born civil.Date) (person.Key, string, error) {
	t := person.Trial(n)
	who := m.keyer.Key(person.NamespaceCI, t.Subject)
	token, err := m.sessions.Issue(person.Session{
		Key: who, Born: born, Name: t.Name, SignedInAt: m.now, ExpiresAt: m.now.Add(trialSessionLife),
	})
	return who, token, err
}

// bornFor is a date of birth that a campaign takes.
func bornFor(c *programme.Campaign) civil.Date {
	if b := c.Born; b != nil {
		return b.From + (b.To-b.From)/2
	}
	return civil.New(1964, time.July, 1)
}

// bornOutside is a date of birth that a campaign does not take, if there is one.
func bornOutside(c *programme.Campaign) civil.Date {
	if c.Born != nil {
		return c.Born.To + 1
	}
	return bornFor(c)
}
