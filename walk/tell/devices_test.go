package tell_test

import (
	"testing"

	"charye/notify"
	"charye/walk"
)

// TestDevices: browsers are added and removed beside the other addresses, and none that would have this server call its own network.
func TestDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.Actor(1)
	s := notify.Subscription{
		Endpoint: "https://push.example.net/push/1", Auth: "BTBZMqHH6r4Tts7J_aSIgg",
		P256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
	}
	w.leaves(1)
	c, err := w.AddDevice(t.Context(), a, "ko", s)
	must(t, err)
	if len(c.Addresses) != 2 || c.Addresses[0] != s.Address() || c.Lang != "ko" {
		t.Fatalf("kept %+v, want the device before the mail", c)
	}
	w.leaves(1) // saving the other addresses leaves it
	if c, err = w.Contact(t.Context(), a); err != nil || len(c.Devices()) != 1 || len(c.Addresses) != 2 {
		t.Fatalf("kept %+v, %v", c, err)
	}
	// Nobody smuggles a device in among the other addresses.
	inside := s
	inside.Endpoint = "https://10.0.0.1/x"
	if c, err = w.SetContact(t.Context(), a, notify.Contact{Lang: "ko", Addresses: []notify.Address{inside.Address()}}); err != nil || len(c.Devices()) != 1 || c.Devices()[0] != s.Address() {
		t.Fatalf("kept %+v, %v", c, err)
	}
	for endpoint, field := range map[string]string{"https://10.0.0.1/x": "endpoint", "http://push.example.net/x": "endpoint", "https://127.0.0.1:9000/x": "endpoint"} {
		bad := s
		bad.Endpoint = endpoint
		_, err = w.AddDevice(t.Context(), a, "ko", bad)
		if e := wantCode(t, err, walk.BadRequest); e.Field != field {
			t.Errorf("%s: a fault of %q", endpoint, e.Field)
		}
	}
	_, err = w.AddDevice(t.Context(), a, "fr", s)
	wantCode(t, err, walk.BadRequest)
	_, err = w.AddDevice(t.Context(), walk.Actor{}, "ko", s)
	wantCode(t, err, walk.NotSignedIn)
	_, err = w.RemoveDevices(t.Context(), walk.Actor{})
	wantCode(t, err, walk.NotSignedIn)
	if c, err = w.RemoveDevices(t.Context(), a); err != nil || len(c.Addresses) != 0 {
		t.Fatalf("left %+v, %v", c, err)
	}
}
