package person

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Provider is one configured identity provider, as the providers file describes it.
type Provider struct {
	ID     string // names it in addresses and pages: a-z 0-9 -
	NameKO string
	NameEN string
	Issuer string // exactly as its discovery document says; https, or http on this machine

	ClientID         string
	ClientSecretFile string // file that holds the secret, see [SignInOptions.Secrets]; empty for a public client, which proves itself by PKCE alone
	Scopes           []string

	SubjectClaim string // claim with the stable subject
	// Namespace is the key space of the subject. Providers that share one are each trusted for everybody in it: share it
	// only among providers that deliver the same national identifier.
	Namespace  string
	BirthClaim string // claim with the date of birth, YYYY-MM-DD or YYYYMMDD
	NameClaim  string // claim with the full name; may be absent from a person's answer

	Staff *StaffRules // nil: a provider of citizens
}

// DisplayName is the provider's name in a language ("ko" or "en").
func (p Provider) DisplayName(lang string) string {
	if lang == "en" && p.NameEN != "" || p.NameKO == "" {
		return p.NameEN
	}
	return p.NameKO
}

// complete fills in the defaults.
func (p *Provider) complete() error {
	if p.Scopes == nil {
		p.Scopes = []string{"openid", "profile"}
	}
	p.SubjectClaim = cmp.Or(p.SubjectClaim, "sub")
	p.BirthClaim = cmp.Or(p.BirthClaim, "birthdate")
	p.NameClaim = cmp.Or(p.NameClaim, "name")
	if p.Namespace == "" && p.SubjectClaim != "sub" {
		return errors.New("missing: a subject other than sub needs the namespace that it belongs to")
	}
	p.Namespace = cmp.Or(p.Namespace, p.Issuer)
	return nil
}

// ReadProviders reads a providers file, strictly: a field that is unknown, missing, given twice or of the wrong form
// refuses the whole file with a [*FileError]. name is the file's path; it stands in errors, and a relative
// clientSecretFile is looked for beside it.
//
//	providers:
//	  - id: gov                                # names it in addresses
//	    name: {ko: 정부 간편인증, en: Government sign-in}
//	    issuer: https://id.example.go.kr       # as in its discovery document
//	    clientID: charye
//	    clientSecretFile: gov.secret           # leave out for a public client
//	    scopes: [openid, profile]              # this is the default
//	    subjectClaim: ci                       # default sub
//	    namespace: ci                          # default the issuer; needed when subjectClaim is not sub
//	    birthClaim: birthdate                  # default birthdate
//	    nameClaim: name                        # default name
//	  - id: work                               # who signs in here is staff, never a citizen; no date of birth is asked for
//	    name: {ko: 직원 로그인, en: Staff sign-in}
//	    issuer: https://id.example.go.kr/staff
//	    clientID: charye-staff
//	    staff:
//	      roles: groups                        # the claim with the roles, a text or a list
//	      map: {nip-call-centre: calldesk, town-hall: office}   # from what it says to clinic calldesk office manager logistics auditor operator
//	      unit: department                     # the claim with the office they work at; left out: all of a role are one desk
//	      amr: [mfa, otp, hwk]                 # one of these shows a second factor; or acr: [urn:example:loa:3]
func ReadProviders(name string, src []byte) ([]Provider, error) {
	r := &providerReader{file: name}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &FileError{File: name, Problem: "is empty; want a list under providers:"}
	case err != nil:
		return nil, &FileError{File: name, Problem: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &FileError{File: name, Problem: "want one document only"}
	}
	var out []Provider
	seen := map[string]bool{}
	r.fields(doc.Content[0], "", func(field string, v *yaml.Node) bool {
		if field != "providers" {
			return false
		}
		if v.Kind != yaml.SequenceNode {
			r.fail(v, "providers", "want a list")
			return true
		}
		for i, item := range v.Content {
			p := r.provider(item, fmt.Sprintf("providers[%d]", i))
			if p.ID != "" && seen[p.ID] {
				r.fail(item, fmt.Sprintf("providers[%d].id", i), "another provider has this id")
			}
			seen[p.ID] = true
			out = append(out, p)
		}
		return true
	})
	if r.err == nil && len(out) == 0 {
		r.fail(doc.Content[0], "providers", "want at least one provider")
	}
	if r.err != nil {
		return nil, r.err
	}
	return out, nil
}

// providerReader keeps the first error and reads on harmlessly after it.
type providerReader struct {
	file string
	err  error
}

func (r *providerReader) fail(at *yaml.Node, field, problem string) {
	if r.err == nil {
		r.err = &FileError{File: r.file, Line: at.Line, Field: field, Problem: problem}
	}
}

// fields walks a mapping; take reports false for a field that it does not know.
func (r *providerReader) fields(n *yaml.Node, path string, take func(field string, v *yaml.Node) bool) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, path, "want fields, name: value")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content) && r.err == nil; i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		full := strings.TrimPrefix(path+"."+k.Value, ".")
		switch {
		case k.Kind != yaml.ScalarNode || v.Kind == yaml.AliasNode || k.Tag == "!!merge":
			r.fail(k, full, "anchors and merges are not used here")
		case seen[k.Value]:
			r.fail(k, full, "given twice")
		case !take(k.Value, v):
			r.fail(k, full, "unknown field")
		}
		seen[k.Value] = true
	}
}

func (r *providerReader) text(n *yaml.Node, path string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || strings.TrimSpace(n.Value) == "" {
		r.fail(n, path, "want a text")
		return ""
	}
	return n.Value
}

func (r *providerReader) provider(n *yaml.Node, path string) Provider {
	var p Provider
	lines := map[string]*yaml.Node{}
	texts := map[string]*string{
		"id": &p.ID, "issuer": &p.Issuer, "clientID": &p.ClientID, "clientSecretFile": &p.ClientSecretFile,
		"subjectClaim": &p.SubjectClaim, "namespace": &p.Namespace, "birthClaim": &p.BirthClaim, "nameClaim": &p.NameClaim,
	}
	r.fields(n, path, func(field string, v *yaml.Node) bool {
		lines[field] = v
		switch dst := texts[field]; {
		case dst != nil:
			*dst = r.text(v, path+"."+field)
		case field == "name":
			r.fields(v, path+".name", func(lang string, v *yaml.Node) bool {
				switch lang {
				case "ko":
					p.NameKO = r.text(v, path+".name.ko")
				case "en":
					p.NameEN = r.text(v, path+".name.en")
				default:
					return false
				}
				return true
			})
		case field == "staff":
			p.Staff = r.staff(v, path+".staff")
		case field == "scopes":
			p.Scopes = r.scopes(v, path+".scopes")
		default:
			return false
		}
		return true
	})
	at := func(field string) *yaml.Node {
		if v := lines[field]; v != nil {
			return v
		}
		return n
	}
	for _, field := range []string{"id", "name", "issuer", "clientID"} {
		if lines[field] == nil {
			r.fail(n, path+"."+field, "missing")
		}
	}
	if !plainID(p.ID) {
		r.fail(at("id"), path+".id", "want 1 to 40 of a-z 0-9 -")
	}
	if p.NameKO == "" || p.NameEN == "" {
		r.fail(at("name"), path+".name", "want both ko and en")
	}
	if u, err := url.Parse(p.Issuer); err != nil || !secure(u) || u.RawQuery != "" || u.ForceQuery || strings.Contains(p.Issuer, "#") || u.User != nil {
		r.fail(at("issuer"), path+".issuer", "want an https address without query (http only on this machine)")
	}
	if err := p.complete(); err != nil {
		r.fail(at("subjectClaim"), path+".namespace", err.Error())
	}
	if p.ClientSecretFile != "" && !filepath.IsAbs(p.ClientSecretFile) {
		p.ClientSecretFile = filepath.Join(filepath.Dir(r.file), p.ClientSecretFile)
	}
	return p
}

func (r *providerReader) scopes(n *yaml.Node, path string) []string {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, path, "want a list such as [openid, profile]")
		return nil
	}
	var out []string
	for _, c := range n.Content {
		s := r.text(c, path)
		if strings.ContainsAny(s, " \t\"\\") {
			r.fail(c, path, "want one scope each")
		}
		out = append(out, s)
	}
	if !slices.Contains(out, "openid") {
		r.fail(n, path, "want openid among them")
	}
	return out
}

func plainID(s string) bool {
	return s != "" && len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// secure reports whether u is an absolute https address, or http on this machine, where nobody is in between.
func secure(u *url.URL) bool {
	switch host := u.Hostname(); {
	case host == "":
		return false
	case u.Scheme == "https":
		return true
	case u.Scheme == "http":
		ip := net.ParseIP(host)
		return host == "localhost" || ip != nil && ip.IsLoopback()
	}
	return false
}
