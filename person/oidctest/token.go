package oidctest

import (
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var p256 = elliptic.P256()

// grant is one sign-in of a visitor for a client.
type grant struct {
	visitor                            Visitor
	client, redirect, challenge, nonce string
	at                                 time.Time
	staff                              bool
}

func (p *Provider) claims(g grant) map[string]any {
	if g.staff {
		c := map[string]any{"sub": "staff-" + g.visitor.Sub(p.issuer), "name": g.visitor.Name, "roles": g.visitor.Roles, "unit": g.visitor.Unit, "amr": []string{"pwd"}}
		if g.visitor.SecondFactor {
			c["amr"] = []string{"pwd", "otp", "mfa"}
		}
		return c
	}
	return map[string]any{
		"sub": g.visitor.Sub(p.issuer), "ci": g.visitor.CI(), "name": g.visitor.Name, "birthdate": g.visitor.Born.String(),
	}
}

// idToken makes the ID token of a grant, honest or with the present fault.
func (p *Provider) idToken(g grant, access string) (string, error) {
	now := p.now()
	c := p.claims(g)
	c["iss"], c["aud"], c["nonce"] = p.issuer, g.client, g.nonce
	c["iat"], c["exp"], c["auth_time"] = now.Unix(), now.Add(tokenLife).Unix(), g.at.Unix()
	half := sha256.Sum256([]byte(access))
	c["at_hash"] = base64.RawURLEncoding.EncodeToString(half[:sha256.Size/2])

	key := p.key
	fault := p.Misbehave.Get()
	switch fault {
	case WrongIssuer:
		c["iss"] = "https://elsewhere.invalid"
	case WrongAudience:
		c["aud"] = "another-client"
	case ManyAudiences:
		c["aud"], c["azp"] = []string{g.client, "another-client"}, "another-client"
	case WrongNonce:
		c["nonce"] = "nonce-of-another-sign-in"
	case NoNonce:
		delete(c, "nonce")
	case Expired:
		c["iat"], c["exp"] = now.Add(-2*time.Minute).Unix(), now.Add(-time.Minute).Unix()
	case NoBirthdate, UserInfoOnly, OtherUserInfo:
		delete(c, "birthdate")
	case BadBirthdate:
		c["birthdate"] = "0000-03-15"
	case NoSubject:
		delete(c, "ci")
		c["sub"] = ""
	case StaleAuth:
		c["auth_time"] = now.Add(-time.Hour).Unix()
	case UnknownKid:
		key = p.other
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	switch fault {
	case AlgNone:
		b64 := base64.RawURLEncoding
		return b64.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + b64.EncodeToString(payload) + ".", nil
	case HS256WithPublicKey:
		der, err := x509.MarshalPKIXPublicKey(p.key.Public().Key)
		if err != nil {
			return "", err
		}
		secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		return sign(jose.HS256, jose.JSONWebKey{Key: secret, KeyID: p.key.KeyID}, payload)
	}
	raw, err := sign(jose.SignatureAlgorithm(key.Algorithm), key, payload)
	if fault == BadSignature && err == nil {
		parts := strings.Split(raw, ".")
		parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), `"birthdate":"19`, `"birthdate":"18`, 1) + " "))
		raw = strings.Join(parts, ".")
	}
	return raw, err
}

func sign(alg jose.SignatureAlgorithm, key jose.JSONWebKey, payload []byte) (string, error) {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("oidctest: sign: %w", err)
	}
	o, err := s.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("oidctest: sign: %w", err)
	}
	return o.CompactSerialize()
}
