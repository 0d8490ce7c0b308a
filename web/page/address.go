package page

import (
	"net/url"
	"strings"

	"charye/internal/weak"
)

// CampaignPath gives the address of a campaign's page for a recipient (empty: the person themselves), with more query
// parameters as name, value pairs; empty values are left out.
func CampaignPath(campaign, page, recipient string, kv ...string) string {
	p := "/c/" + url.PathEscape(campaign)
	if page != "" {
		p += "/" + page
	}
	return WithQuery(p, append([]string{"for", recipient}, kv...)...)
}

// PathAt gives the address of a page for citizens or for staff, whose page about a campaign is that of the caller.
func PathAt(base, campaign, page, recipient string, kv ...string) string {
	if base == "" {
		return CampaignPath(campaign, page, recipient, kv...)
	}
	if page == "" {
		if recipient == "" {
			return base
		}
		return WithQuery(base+"/callers/"+PathSegment(recipient), kv...)
	}
	return base + CampaignPath(campaign, page, recipient, kv...)
}

// Path is campaignPath where this request's pages are mounted.
func (q *Request) Path(campaign, page, recipient string, kv ...string) string {
	return PathAt(q.Base, campaign, page, recipient, kv...)
}

// PathSegment escapes a name for its place in an address.
func PathSegment(s string) string { return url.PathEscape(s) }

// WithQuery gives an address with parameters, in pairs of name and value; those without a value are left out.
func WithQuery(path string, kv ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i+1] != "" {
			v.Set(kv[i], kv[i+1])
		}
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// LocalPath gives p when it is an address on this service, else "/". It keeps sign-in and language links from becoming
// open redirects.
func LocalPath(p string) string {
	if weak.Off(weak.LocalPath) {
		return p
	}
	if len(p) > 1000 || !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n\t") {
		return "/"
	}
	if u, err := url.Parse(p); err != nil || u.Host != "" || u.Scheme != "" {
		return "/"
	}
	return p
}
