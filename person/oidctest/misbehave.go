package oidctest

import "sync/atomic"

// Fault is one way in which the provider misbehaves.
type Fault uint32

// The faults. Each is what a broken or hostile provider, or somebody between it and us, could do.
const (
	Behave             Fault = iota
	WrongIssuer              // ID token issued by somebody else
	WrongAudience            // ID token meant for another client
	ManyAudiences            // ID token for us and another client, given to that one
	WrongNonce               // ID token of another sign-in
	NoNonce                  // ID token of no sign-in
	AlgNone                  // ID token without signature
	HS256WithPublicKey       // ID token signed with the public key as if it were a shared secret
	BadSignature             // ID token changed after it was signed
	Expired                  // ID token that expired a minute ago
	NoBirthdate              // ID token without date of birth
	BadBirthdate             // ID token with 0000-03-15, which OpenID Connect allows
	NoSubject                // ID token without ci and with an empty sub
	NoIDToken                // token answer without ID token
	UnknownKid               // ID token signed by a key that is not in the key set
	ReplayedCode             // the person comes back with a code that was already used
	MixedUpIss               // the person comes back with another provider's iss
	NoIss                    // the person comes back without the iss that the provider promises
	Denied                   // the person comes back with error=access_denied
	StaleAuth                // the provider did not ask the person again: auth_time is an hour ago
	OtherUserInfo            // date of birth only in userinfo, which speaks of another person
	UserInfoOnly             // date of birth only in userinfo: unusual, and right
	DiscoveryIssuer          // discovery document of another issuer
	InsecureEndpoints        // discovery document sends secrets over plain http
	Redirects                // the token endpoint redirects to another host
	Slow                     // answers to servers wait until the asker gives up
	SlowKeys                 // only the key set does
	ServerError              // 500 to servers
	TokenServerError         // 500 at the token endpoint only
	Garbage                  // answers to servers are not JSON
)

// Switch chooses the fault; the zero Switch behaves. Safe for concurrent use.
type Switch struct{ v atomic.Uint32 }

// Set makes the provider misbehave in this way from the next request on.
func (s *Switch) Set(f Fault) { s.v.Store(uint32(f)) }

// Get is the present fault.
func (s *Switch) Get() Fault { return Fault(s.v.Load()) }
