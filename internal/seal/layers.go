package seal

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Which keys of a file seal, and which only open.

// sealing is a keyset's AEAD with another primary key.
func sealing(h *keyset.Handle, primary uint32) (tink.AEAD, error) {
	m := keyset.NewManagerFromHandle(h)
	if err := m.SetPrimary(primary); err != nil {
		return nil, err
	}
	h, err := m.Handle()
	if err != nil {
		return nil, err
	}
	return aead.New(h)
}

// layers reads the layers of blind indexes.
func (f *file) layers(s *state, by tink.AEAD, now time.Time) error {
	if len(f.Indexes) == 0 {
		if f.Oldest != 0 || len(f.Uses[Indexes]) > 0 {
			return errors.New("keys are named that are not there")
		}
		return nil
	}
	h, err := f.handle(Indexes, by)
	if err != nil {
		return err
	}
	set, err := prfSet(h)
	if err != nil {
		return err
	}
	if err := f.complete(Indexes, h); err != nil {
		return err
	}
	for i, u := range f.Uses[Indexes] {
		s.layers = append(s.layers, set.PRFs[u.Key])
		if !u.From.After(now) {
			s.inUse.Layer = i + 1
		} else {
			s.wait(u.From)
		}
	}
	if f.Oldest < 0 || f.Oldest > len(s.layers) {
		return fmt.Errorf("oldestLayer is %d, and the last layer %d", f.Oldest, len(s.layers))
	}
	return nil
}

func (s *state) wait(from time.Time) {
	if s.next.IsZero() || from.Before(s.next) {
		s.next = from
	}
}

// inUse is the key of a set that makes what is new at the instant now.
func (f *file) inUse(set Set, h *keyset.Handle, now time.Time, s *state) (id uint32, err error) {
	if len(f.Uses[set]) == 0 { // version 1, where Tink's primary is it
		return h.KeysetInfo().GetPrimaryKeyId(), nil
	}
	if err := f.complete(set, h); err != nil {
		return 0, err
	}
	id = f.Uses[set][0].Key
	for _, u := range f.Uses[set] {
		if !u.From.After(now) {
			id = u.Key
		} else {
			s.wait(u.From)
		}
	}
	return id, nil
}

// complete checks that each key of a set has its use, once.
func (f *file) complete(set Set, h *keyset.Handle) error {
	there := enabled(h)
	for _, u := range f.Uses[set] {
		i := slices.Index(there, u.Key)
		if i < 0 {
			return fmt.Errorf("key %08x has a use and is not there, or is not enabled", u.Key)
		}
		there = slices.Delete(there, i, i+1)
	}
	if len(there) > 0 {
		return fmt.Errorf("key %08x has no use", there[0])
	}
	return nil
}

func enabled(h *keyset.Handle) (ids []uint32) {
	for _, k := range h.KeysetInfo().GetKeyInfo() {
		if k.GetStatus() == tinkpb.KeyStatusType_ENABLED {
			ids = append(ids, k.GetKeyId())
		}
	}
	return ids
}

// prfSet opens a keyset and tries every key once at full length, so that later calls cannot fail: other kinds of PRF
// (AES-CMAC, say) give at most 16 bytes.
func prfSet(h *keyset.Handle) (*prf.Set, error) {
	set, err := prf.NewPRFSet(h)
	if err != nil {
		return nil, err
	}
	if set.PRFs[set.PrimaryID] == nil {
		return nil, errors.New("the primary key is missing or not enabled")
	}
	for id, p := range set.PRFs {
		if _, err := p.ComputePRF(nil, 32); err != nil {
			return nil, fmt.Errorf("key %d: %w", id, err)
		}
	}
	return set, nil
}
