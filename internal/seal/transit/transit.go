// Package transit is a key that stays with a key service: it encrypts and decrypts over HTTP as the transit engine of HashiCorp
// Vault and OpenBao does (https://developer.hashicorp.com/vault/api-docs/secret/transit).
//
// It owns that conversation and nothing else: what is sealed so, and where it is kept, is its caller's. The service sees what is
// sealed (a key file's keysets, a few kilobytes, when a node starts and when keys change) and never a person's data.
package transit

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"
)

const (
	timeout   = 10 * time.Second
	maxAnswer = 1 << 20
)

// key is a remote key as Tink knows one. It asks once for each call and keeps nothing.
type key struct {
	base, name string
	token      func() (string, error)
	client     *http.Client
}

var _ tink.AEAD = (*key)(nil)

// Open gives the key at uri: https://HOST/v1/MOUNT/NAME, where MOUNT is the transit engine's and NAME the key's, of a kind that takes
// associated data (aes256-gcm96, the default; not a derived one). http only on this machine. token gives what the service asks for as
// X-Vault-Token, anew for each call.
func Open(uri string, token func() (string, error)) (tink.AEAD, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("key service: want an address such as https://vault.example.org/v1/transit/charye")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, fmt.Errorf("key service %s: want https (http only on this machine)", u.Host)
	}
	at := strings.LastIndexByte(u.Path, '/')
	if at <= 0 || at == len(u.Path)-1 {
		return nil, fmt.Errorf("key service %s: want the key's name at the end, as in /v1/transit/charye", u.Host)
	}
	name := u.Path[at+1:]
	u.Path = u.Path[:at]
	return &key{base: u.String(), name: name, token: token, client: &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Encrypt has the service encrypt.
func (k *key) Encrypt(plain, associated []byte) ([]byte, error) {
	out, err := k.ask("encrypt", map[string]string{"plaintext": encode(plain), "associated_data": encode(associated)}, "ciphertext")
	return []byte(out), err
}

// Decrypt has the service decrypt what it encrypted.
func (k *key) Decrypt(cipher, associated []byte) ([]byte, error) {
	out, err := k.ask("decrypt", map[string]string{"ciphertext": string(cipher), "associated_data": encode(associated)}, "plaintext")
	if err != nil {
		return nil, err
	}
	plain, err := base64.StdEncoding.Strict().DecodeString(out)
	if err != nil {
		return nil, errors.New("key service: its answer is not what was asked for")
	}
	return plain, nil
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// ask posts a question and gives one field of the answer's data. No error quotes what was asked or answered.
func (k *key) ask(what string, body map[string]string, field string) (string, error) {
	token, err := k.token()
	if err != nil {
		return "", fmt.Errorf("key service: %w", err)
	}
	b, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.base+"/"+what+"/"+url.PathEscape(k.name), bytes.NewReader(b))
	if err != nil {
		return "", fmt.Errorf("key service: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	res, err := k.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("key service cannot be reached: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // it was read as far as it counts
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("key service: it answered %d to %s with the key %s", res.StatusCode, what, k.name)
	}
	var answer struct {
		Data map[string]any `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&answer); err != nil {
		return "", errors.New("key service: its answer cannot be read")
	}
	out, ok := answer.Data[field].(string)
	if !ok || out == "" && field == "ciphertext" {
		return "", errors.New("key service: its answer is not what was asked for")
	}
	return out, nil
}
