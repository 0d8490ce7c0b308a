package transit_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"charye/internal/seal"
	"charye/internal/seal/transit"
)

// service speaks the transit engine's part of the API over real HTTP, with a key of its own.
func service(t *testing.T) *httptest.Server {
	t.Helper()
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	key, err := aead.New(h)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Vault-Token") != "token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		var in map[string]string
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		data := map[string]string{}
		associated, err := base64.StdEncoding.DecodeString(in["associated_data"])
		var b []byte
		switch {
		case err != nil || r.Method != http.MethodPost:
			w.WriteHeader(http.StatusBadRequest)
			return
		case r.URL.Path == "/v1/transit/encrypt/charye":
			if b, err = base64.StdEncoding.DecodeString(in["plaintext"]); err == nil {
				b, err = key.Encrypt(b, associated)
			}
			data["ciphertext"] = "vault:v1:" + base64.StdEncoding.EncodeToString(b)
		case r.URL.Path == "/v1/transit/decrypt/charye":
			text, _ := strings.CutPrefix(in["ciphertext"], "vault:v1:")
			if b, err = base64.StdEncoding.DecodeString(text); err == nil {
				b, err = key.Decrypt(b, associated)
			}
			data["plaintext"] = base64.StdEncoding.EncodeToString(b)
		default:
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"data": data}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func token() (string, error) { return "token", nil }

func open(t *testing.T, uri string, token func() (string, error)) tink.AEAD {
	t.Helper()
	k, err := transit.Open(uri, token)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestRemoteKey is what every remote key must do for a key file.
func TestRemoteKey(t *testing.T) {
	t.Parallel()
	s := service(t)
	k := open(t, s.URL+"/v1/transit/charye", token)
	for _, n := range []int{0, 1, 5000, 100_000} {
		plain := bytes.Repeat([]byte{7}, n)
		sealed, err := k.Encrypt(plain, []byte("place"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Decrypt(sealed, []byte("place")); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %d came back, %v", n, len(got), err)
		}
		if _, err := k.Decrypt(sealed, []byte("elsewhere")); err == nil {
			t.Error("it opens at another place")
		}
		sealed[len(sealed)-3] ^= 1
		if _, err := k.Decrypt(sealed, []byte("place")); err == nil {
			t.Error("it opens changed")
		}
	}
	if _, err := open(t, s.URL+"/v1/transit/other", token).Encrypt(nil, nil); err == nil {
		t.Error("a key that is not there encrypts")
	}
	if _, err := open(t, s.URL+"/v1/transit/charye", func() (string, error) { return "wrong", nil }).Encrypt(nil, nil); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong token: %v", err)
	}
}

// TestKeyFileAtService seals a key file, rotates it there, and loses the service.
func TestKeyFileAtService(t *testing.T) {
	t.Parallel()
	s := service(t)
	uri := s.URL + "/v1/transit/charye"
	kms := func(uri string) (tink.AEAD, error) { return transit.Open(uri, token) }
	path := filepath.Join(t.TempDir(), "keys.json")
	before, err := seal.LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := seal.Wrap(path, uri, kms); err != nil {
		t.Fatal(err)
	}
	k, err := seal.Load(path, kms)
	if err != nil {
		t.Fatal(err)
	}
	if k.Name("p", nil) != before.Name("p", nil) {
		t.Error("names changed")
	}
	now := time.Now()
	if _, err := seal.Rotate(path, seal.Sets, now, now, kms); err != nil {
		t.Fatal(err)
	}
	if changed, err := k.Reload(path, now, kms); err != nil || !changed {
		t.Errorf("reload: changed %v, %v", changed, err)
	}
	rotated := k.InUse()
	if _, err := seal.Rotate(path, seal.Sets, now, now, kms); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if changed, err := k.Reload(path, now, kms); err == nil || changed || k.InUse() != rotated {
		t.Errorf("reload without the service: changed %v, %v", changed, err)
	}
	if _, err := seal.Load(path, kms); err == nil {
		t.Error("a start without the service has keys")
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for uri, good := range map[string]bool{
		"https://vault.example.org/v1/transit/charye": true, "http://127.0.0.1:8200/v1/transit/charye": true, "http://localhost/v1/transit/k": true,
		"http://vault.example.org/v1/transit/charye": false, "https://vault.example.org/": false, "https://vault.example.org/v1/transit/": false,
		"https://u:p@vault.example.org/v1/transit/charye": false, "vault": false, "": false, "https://vault/v1/t/k?x=1": false,
	} {
		if _, err := transit.Open(uri, token); (err == nil) != good {
			t.Errorf("%s: %v", uri, err)
		}
	}
}
