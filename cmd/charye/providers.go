package main

import (
	"fmt"
	"os"
	"strings"

	"charye/person"
)

// maxSecret is the largest client secret file that is read, in bytes.
const maxSecret = 4 << 10

// identityProviders are those of a providers file, with the client secrets of those that have one.
type identityProviders struct {
	list    []person.Provider
	secrets map[string]string // by provider id
}

// readProviders reads the providers file and the secrets it names; without a file there are none.
func readProviders(file string) (out identityProviders, err error) {
	if file == "" {
		return out, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return out, fmt.Errorf("providers: %w", err)
	}
	if out.list, err = person.ReadProviders(file, b); err != nil {
		return out, err
	}
	out.secrets = make(map[string]string)
	for _, p := range out.list {
		if p.ClientSecretFile == "" {
			continue
		}
		b, err := os.ReadFile(p.ClientSecretFile)
		if err != nil {
			return out, fmt.Errorf("client secret of provider %s: %w", p.ID, err)
		}
		secret := strings.TrimSpace(string(b))
		if secret == "" || len(b) > maxSecret {
			return out, fmt.Errorf("client secret of provider %s: %s has %d bytes; want the secret alone in it", p.ID, p.ClientSecretFile, len(b))
		}
		out.secrets[p.ID] = secret
	}
	return out, nil
}
