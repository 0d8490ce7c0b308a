package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/internal/ratelimit"
	"charye/person"
	"charye/walk"
)

// NewTemporary is what a clerk of a local office fills in for somebody without identity number, in their presence.
type NewTemporary struct {
	Name   string
	Born   civil.Date
	Paper  person.Paper // what they showed
	Anyway bool         // although the office gave an identity to somebody alike before
}

// Temporary is an identity that was just given. The code is kept nowhere: it is shown once, and printed.
type Temporary struct {
	Code  string
	Name  string
	Born  civil.Date
	Paper person.Paper
	At    time.Time
}

// temporaryRate bounds how many identities one clerk gives: each is a place in every line that is open to all.
var temporaryRate = ratelimit.Rate{Every: 3 * time.Minute, Burst: 20}

// IssueTemporary gives an identity. [walk.Conflict] with the field "anyway" when the office gave one to somebody of the same name and date
// of birth: the clerk looks at the person, and decides.
func (d *Desk) IssueTemporary(ctx context.Context, a walk.Actor, n NewTemporary) (Temporary, error) {
	if err := walk.Allow(a, walk.IssueTemporary); err != nil {
		return Temporary{}, err
	}
	now := d.now()
	n.Name = strings.TrimSpace(n.Name)
	switch today := civil.Of(now, d.programme.Zone); {
	case !walk.GoodName(n.Name):
		return Temporary{}, walk.Refuse(walk.BadRequest, "name: want 1 to %d characters", walk.MaxName).At("name")
	case n.Born > today || n.Born < civil.New(1880, time.January, 1):
		return Temporary{}, walk.Refuse(walk.BadRequest, "born: want the date of birth, or the one that the person goes by").At("born")
	case !slices.Contains(person.Papers, n.Paper):
		return Temporary{}, walk.Refuse(walk.BadRequest, "paper: want one of the list").At("paper")
	}
	desk, likes := d.walk.DeskKey(a), d.keyer.Likes(n.Name, n.Born)
	if !n.Anyway {
		alike, err := d.people.TemporaryLike(ctx, desk, person.Values(likes)...)
		if err != nil {
			return Temporary{}, walk.Unavailable(err)
		}
		if alike > 0 {
			return Temporary{}, walk.Refuse(walk.Conflict, "this office gave an identity to somebody of this name and date of birth; ask for the paper with the code, or say that it is somebody else").At("anyway")
		}
	}
	if wait := d.given.Allow(ratelimit.Key{ID: a.Key}, temporaryRate, now); wait > 0 {
		e := walk.Refuse(walk.RateLimited, "many identities in a short time; try again after the time given")
		e.RetryAfter = wait
		return Temporary{}, e
	}
	code := person.NewTemporaryCode()
	index := d.keyer.IdentityIndexes(code)[0]
	if index.Layer != likes[0].Layer { // another key came into use between the two
		likes = d.keyer.Likes(n.Name, n.Born)
	}
	err := d.people.IssueTemporary(ctx, person.TemporaryIdentity{
		Index: index.Value, Layer: index.Layer, Key: d.keyer.Temporary(code), Like: likes[0].Value, Name: n.Name, Born: n.Born, Paper: n.Paper,
		Desk: desk, Clerk: a.Key, IssuedAt: now,
	})
	if errors.Is(err, person.ErrTemporaryTaken) { // of 2^74 codes one twice
		return Temporary{}, walk.Refuse(walk.Conflict, "the code was given before; once more").At("code")
	} else if err != nil {
		return Temporary{}, walk.Unavailable(err)
	}
	return Temporary{Code: code, Name: n.Name, Born: n.Born, Paper: n.Paper, At: now}, nil
}
