package walk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/internal/ratelimit"
	"charye/person"
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

// IssueTemporary gives an identity. [Conflict] with the field "anyway" when the office gave one to somebody of the same name and date
// of birth: the clerk looks at the person, and decides.
func (w *Walk) IssueTemporary(ctx context.Context, a Actor, n NewTemporary) (Temporary, error) {
	if err := may(a, IssueTemporary); err != nil {
		return Temporary{}, err
	}
	now := w.now()
	n.Name = strings.TrimSpace(n.Name)
	switch today := civil.Of(now, w.programme.Zone); {
	case !goodName(n.Name):
		return Temporary{}, refuse(BadRequest, "name: want 1 to %d characters", maxName).field("name")
	case n.Born > today || n.Born < civil.New(1880, time.January, 1):
		return Temporary{}, refuse(BadRequest, "born: want the date of birth, or the one that the person goes by").field("born")
	case !slices.Contains(person.Papers, n.Paper):
		return Temporary{}, refuse(BadRequest, "paper: want one of the list").field("paper")
	}
	desk, likes := w.deskKey(a), w.keyer.Likes(n.Name, n.Born)
	if !n.Anyway {
		alike, err := w.people.TemporaryLike(ctx, desk, person.Values(likes)...)
		if err != nil {
			return Temporary{}, unavailable(err)
		}
		if alike > 0 {
			return Temporary{}, refuse(Conflict, "this office gave an identity to somebody of this name and date of birth; ask for the paper with the code, or say that it is somebody else").field("anyway")
		}
	}
	if wait := w.guesses.Allow(ratelimit.Key{Class: 1, ID: a.Key}, temporaryRate, now); wait > 0 {
		e := refuse(RateLimited, "many identities in a short time; try again after the time given")
		e.RetryAfter = wait
		return Temporary{}, e
	}
	code := person.NewTemporaryCode()
	index := w.keyer.IdentityIndexes(code)[0]
	if index.Layer != likes[0].Layer { // another key came into use between the two
		likes = w.keyer.Likes(n.Name, n.Born)
	}
	err := w.people.IssueTemporary(ctx, person.TemporaryIdentity{
		Index: index.Value, Layer: index.Layer, Key: w.keyer.Temporary(code), Like: likes[0].Value, Name: n.Name, Born: n.Born, Paper: n.Paper,
		Desk: desk, Clerk: a.Key, IssuedAt: now,
	})
	if errors.Is(err, person.ErrTemporaryTaken) { // of 2^74 codes one twice
		return Temporary{}, refuse(Conflict, "the code was given before; once more").field("code")
	} else if err != nil {
		return Temporary{}, unavailable(err)
	}
	return Temporary{Code: code, Name: n.Name, Born: n.Born, Paper: n.Paper, At: now}, nil
}
