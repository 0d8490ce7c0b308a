package logger_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charye/supply"
	"charye/supply/logger"
)

// folder is where the real exports lie; they are not part of the project.
func folder(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("CHARYE_DATA")
	if dir == "" {
		root, err := filepath.Abs("../..")
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(root, "..", "shared", "data")
	}
	dir = filepath.Join(dir, "cold-chain-fridge-tag")
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		t.Skip("the real data is not on this machine (cold-chain-fridge-tag in ../shared/data or $CHARYE_DATA)")
	}
	return dir
}

// TestRealFiles: what loggers of five kinds wrote is read whole, and our own computation of alarms agrees with theirs.
func TestRealFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	for _, tc := range []struct {
		file, device, serial string
		interval             time.Duration
		readings, absent     int
		days, recomputed     int
		alarms               int // stated
	}{
		{"FridgeTag_2_130400191542_202302140605.txt", "Q-tag Fridge-tag 2", "130400191542", 0, 0, 0, 60, 119, 60},
		{"FridgeTag_2_130400191544_202304201514.txt", "Q-tag Fridge-tag 2", "130400191544", 0, 0, 0, 4, 8, 0},
		{"FridgeTag_2L_130500109088_202206081014.txt", "Q-tag Fridge-tag 2 L", "130500109088", 5 * time.Minute, 10653, 0, 38, 76, 30},
		{"FridgeTag_UL_100800001215_202304201410.txt", "Q-tag Fridge-tag Ultra Low", "100800001215", 5 * time.Minute, 841, 6, 4, 8, 4},
		{"QTag_CLm_doc_LR_RCPJ00010_02_202211090128.txt", "Q-tag CLm doc LR", "RCPJ00010", 10 * time.Minute, 124, 0, 0, 4, 4},
		{"QTag_CLm_doc_LR_RCPJ00010_03_202304201359.txt", "Q-tag CLm doc LR", "RCPJ00010", 10 * time.Minute, 424, 0, 0, 2, 2},
	} {
		t.Run(tc.file, func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(filepath.Join(dir, tc.file))
			if err != nil {
				t.Fatal(err)
			}
			f, err := logger.Read(strings.NewReader(string(b)), nil)
			if err != nil {
				t.Fatal(err)
			}
			absent, alarms := 0, 0
			for _, r := range f.Readings {
				if r.Absent {
					absent++
				}
			}
			for _, d := range f.Days {
				for _, a := range d.Outside {
					if !a.At.IsZero() {
						alarms++
					}
				}
			}
			for _, a := range f.Alarms {
				if !a.At.IsZero() {
					alarms++
				}
			}
			got := fmt.Sprint(f.Device, f.Serial, f.Interval, len(f.Readings), absent, len(f.Days), f.Recomputed(), alarms)
			want := fmt.Sprint(tc.device, tc.serial, tc.interval, tc.readings, tc.absent, tc.days, tc.recomputed, tc.alarms)
			if got != want {
				t.Errorf("read %s\nwant %s", got, want)
			}
			for _, s := range f.Check() {
				t.Error(s)
			}
			if s, ok := f.Series("fridge", tc.file); ok != (tc.readings > 0) {
				t.Errorf("a series: %t", ok)
			} else if ok {
				if err := s.Validate(); err != nil {
					t.Error(err)
				}
				if f.MeanKinetic != nil {
					// Its own activation energy is 83.0 kJ/mol and it measures each minute: within two tenths.
					if mkt := meanKinetic(t, s); mkt-*f.MeanKinetic > 2*supply.Degree/10 || *f.MeanKinetic-mkt > 2*supply.Degree/10 {
						t.Errorf("mean kinetic temperature %s, the logger says %s", mkt, f.MeanKinetic)
					}
				}
			}
			for _, s := range f.Summaries("fridge", tc.file) {
				if err := s.Validate(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func meanKinetic(t *testing.T, s supply.Series) supply.Celsius {
	t.Helper()
	p := &supply.Product{ID: "p", Rules: []supply.Rule{{Bands: []supply.Band{{Name: "all", Upto: supply.Hottest, Budget: supply.Unlimited}}}}}
	x, err := supply.NewIndex(p)
	if err != nil {
		t.Fatal(err)
	}
	last := s.Readings[len(s.Readings)-1].At
	for _, err := range []error{
		x.AddBox(supply.Box{SSCC: 18, Product: "p", Vials: 1, DosesPerVial: 1}),
		x.AddLeg(supply.Leg{Point: s.Point, Begin: s.Readings[0].At, End: last, Aboard: []supply.SSCC{18}}),
		x.AddSeries(s),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	j, err := x.Judge(18, supply.AsOf{At: last, Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	mkt, ok := j.Exposure.MeanKinetic()
	if !ok {
		t.Fatal("nothing was told")
	}
	return mkt
}

// TestAlteredFiles: a file that was altered, in one figure, is told by its check.
func TestAlteredFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	for _, tc := range []struct{ file, old, new, tells string }{
		{"FridgeTag_2L_130500109088_202206081014.txt", "\t2022-06-06 12:36\t14.4\tx", "\t2022-06-06 12:36\t4.4\tx", "marked as outside"},
		{"FridgeTag_2L_130500109088_202206081014.txt", "t Acc: 312, TS A: 14:55, C A: 0", "t Acc: 312", "2022-06-07: limit 1: an alarm is stated: false"},
		{"FridgeTag_2L_130500109088_202206081014.txt", "t Acc: 753,", "t Acc: 53,", "2022-06-06: limit 0: 53m0s outside as it states"},
		{"FridgeTag_2L_130500109088_202206081014.txt", "Max T: +30.3, TS Max T: 15:17", "Max T: +7.3, TS Max T: 15:17", "limit 1: at the most 7.3"},
		{"FridgeTag_2_130400191542_202302140605.txt", "t Acc: 1440, TS A: 00:00, C A: 0", "t Acc: 1440", "an alarm is stated: false"},
		{"FridgeTag_2_130400191544_202304201514.txt", "t Acc: 8", "t Acc: 8, TS A: 20:00", "an alarm is stated: true"},
		{"QTag_CLm_doc_LR_RCPJ00010_02_202211090128.txt", "TS S: 2022-11-08 05:51, t A: 598,", "TS S: 2022-11-08 05:51, t A: 61,", "limit 4: 1h1m0s outside"},
		{"QTag_CLm_doc_LR_RCPJ00010_03_202304201359.txt", "TS A: 2023-04-17 16:03", "TS A:", "limit 1: an alarm is stated: false"},
		{"QTag_CLm_doc_LR_RCPJ00010_03_202304201359.txt", "Max T: 12.7", "Max T: 12.6", "outside of the extremes"},
	} {
		b, err := os.ReadFile(filepath.Join(dir, tc.file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), tc.old) {
			t.Fatalf("%s has no %q", tc.file, tc.old)
		}
		f, err := logger.Read(strings.NewReader(strings.Replace(string(b), tc.old, tc.new, 1)), nil)
		if err != nil {
			t.Errorf("%s → %s: %v", tc.old, tc.new, err)
			continue
		}
		if all := strings.Join(f.Check(), "\n"); !strings.Contains(all, tc.tells) {
			t.Errorf("%s → %s: the check says %q, want %q", tc.old, tc.new, all, tc.tells)
		}
	}
}

// The forms of the exports in small, made up for the tests.
const (
	fridge2 = "Device: Q-tag Fridge-tag 2\r\nVers: 0.5\r\nFw Vers: 3.4\r\nConf:\r\n Serial: 42\r\n Zone: 9.00\r\n Temp unit: C\r\n Alarm:\r\n  0:\r\n   T AL: -0.5, t AL: 60\r\n  1:\r\n   T AL: +8.0, t AL: 600\r\n" +
		"Hist:\r\n TS Actv: 2020-09-20 08:00\r\n TS Report Creation: 2020-09-21 12:00\r\n 1:\r\n  Date: 2020-09-21\r\n  Min T: +2.0, TS Min T: 01:00\r\n  Max T: +9.0, TS Max T: 02:00\r\n  Alarm:\r\n   0:\r\n    t Acc: 0\r\n   1:\r\n    t Acc: 12\r\n  Int Sensor timeout:\r\n   t AccST: 7\r\n" +
		" 2:\r\n  Date: 2020-09-20\r\n  Min T: +3.0, TS Min T: 09:00\r\n  Max T: +5.0, TS Max T: 10:00\r\nSig: 00\r\n"
	fridge2L = "Device: Q-tag Fridge-tag 2 L\r\nConf:\r\n Serial: 43\r\n Zone: 0.00\r\n Temp unit: C\r\n Alarm:\r\n  0:\r\n   T AL: +2.0, t AL: 60\r\n  1:\r\n   T AL: +8.0, t AL: 60\r\n Logging Interval: 5\r\n" +
		"Hist:\r\n TS Actv: 2020-09-21 08:00\r\n TS Report Creation: 2020-09-21 08:10\r\n 1:\r\n  Date: 2020-09-21\r\n  Min T: +4.0, TS Min T: 08:00\r\n  Max T: +4.5, TS Max T: 08:05\r\nData:\r\n\tyyyy-MM-dd hh:mm\tT\tOut of limits\r\n\t2020-09-21 08:00\t4.0\r\n\t2020-09-21 08:05\t4.5\r\n\t2020-09-21 08:10\t--.-\tx\r\nSig: 00\r\n"
	qtag = "Device: Q-tag CLm doc LR\r\nConf:\r\n Serial: R1\r\n Zone: 0.00\r\n Logging Interval: 10\r\n Alarm:\r\n  1:\r\n   Type: 2, T AL: 8.0, t AL: 30\r\n  3:\r\n   Type: 0\r\n" +
		"Res:\r\n TS Start: 2020-09-21 08:00\r\n TS Stop: 2020-09-21 09:00\r\n Min T: 4.0, TS Min T: 2020-09-21 08:00\r\n Max T: 10.0, TS Max T: 2020-09-21 08:10\r\n MKT: 8.0\r\n Alarm:\r\n  1:\r\n   TS S: 2020-09-21 08:05, t A: 45, TS A: 2020-09-21 08:35, TS E:\r\n" +
		"Data:\r\n\t2020-09-21 08:00\t4.0\t\r\n\t2020-09-21 08:10\t10.0\tx\r\n\t2020-09-21 08:20\t9.0\tx\r\n\t2020-09-21 08:30\t9.0\tx\r\n\t2020-09-21 08:40\t9.0\tx\r\n\t2020-09-21 08:50\t9.0\tx\r\nSig: 00\r\n"
	csvFile = "time,celsius\n2020-09-21T09:00:00+09:00,4.5\n2020-09-21T09:10:00+09:00,-0.000001\n2020-09-21T09:20:00+09:00,\n"
)

func TestWrongFiles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, file, old, new string
		line                 int
		field                string
	}{
		{"another device", fridge2, "Fridge-tag 2\r", "Fridge-tag 9\r", 1, "Device"},
		{"no export", "hello\n", "", "", 1, "first line"},
		{"no serial", fridge2, " Serial: 42\r\n", "", 30, "Conf, Serial"},
		{"fahrenheit", fridge2, "unit: C", "unit: F", 7, "Temp unit"},
		{"a limit that is none", fridge2, "T AL: -0.5", "T AL: cold", 10, "T AL"},
		{"no such day", fridge2, "Date: 2020-09-20", "Date: 2020-09-31", 28, "Date"},
		{"days in the wrong order", fridge2, "Date: 2020-09-20", "Date: 2020-09-22", 27, "Date"},
		{"max below min", fridge2, "Max T: +5.0", "Max T: +2.0", 30, "Max T"},
		{"days that do not count up", fridge2, "\n 2:\r", "\n 3:\r", 27, "Hist"},
		{"minutes below nothing", fridge2, "t Acc: 12", "t Acc: -12", 24, "t Acc"},
		{"cut off", fridge2, "Sig: 00\r\n", "", 30, "end of file"},
		{"a zone out of the world", fridge2, "Zone: 9.00", "Zone: 99", 6, "Zone"},
		{"readings backwards", fridge2L, "08:05\t4.5", "07:05\t4.5", 22, "Data"},
		{"a comma in a reading", fridge2L, "\t4.5", "\t4,5", 22, "Data"},
		{"an odd mark", fridge2L, "--.-\tx", "--.-\ty", 23, "Data"},
		{"readings without an interval", fridge2L, " Logging Interval: 5\r\n", "", 20, "Data"},
		{"an interval of nothing", fridge2L, "Interval: 5", "Interval: 0", 11, "Logging Interval"},
		{"an unknown type of alarm", qtag, "Type: 2", "Type: 7", 8, "Type"},
		{"an alarm of no limit", qtag, " Alarm:\r\n  1:\r\n   TS S", " Alarm:\r\n  3:\r\n   TS S", 18, "Res, Alarm"},
		{"an alarm without a beginning", qtag, "TS S: 2020-09-21 08:05, ", "", 19, "Res, Alarm"},
		{"a stop before the start", qtag, "TS Stop: 2020-09-21 09:00", "TS Stop: 2020-09-20 09:00", 27, "TS"},
		{"a time without offset", csvFile, "09:10:00+09:00", "09:10:00", 3, "time"},
		{"times backwards", csvFile, "09:10:00", "08:10:00", 3, "time"},
		{"a seventh decimal", csvFile, "-0.000001", "-0.0000001", 3, "celsius"},
		{"below absolute zero", csvFile, "4.5", "-274", 2, "celsius"},
		{"three fields", csvFile, "4.5", "4.5,x", 2, "row"},
		{"one reading", csvFile, "2020-09-21T09:10:00+09:00,-0.000001\n2020-09-21T09:20:00+09:00,\n", "", 2, "rows"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(tc.file, tc.old) {
				t.Fatal("nothing to put wrong")
			}
			_, err := logger.Read(strings.NewReader(strings.Replace(tc.file, tc.old, tc.new, 1)), nil)
			line, ok := errors.AsType[*logger.LineError](err)
			if !ok || !errors.Is(err, logger.ErrFormat) {
				t.Fatalf("%v", err)
			}
			if line.Line != tc.line || line.Field != tc.field {
				t.Errorf("%v; want line %d and field %s", err, tc.line, tc.field)
			}
		})
	}
}

func TestRightFiles(t *testing.T) {
	t.Parallel()
	kst := time.FixedZone("", 9*3600)
	f, err := logger.Read(strings.NewReader(fridge2), nil)
	if err != nil {
		t.Fatal(err)
	}
	sums := f.Summaries("fridge", "file")
	if len(sums) != 2 || !sums[0].From.Equal(time.Date(2020, 9, 20, 8, 0, 0, 0, kst)) || !sums[1].To.Equal(time.Date(2020, 9, 21, 12, 0, 0, 0, kst)) ||
		sums[1].Silent != 7*time.Minute || sums[1].Outside[1] != (supply.Outside{Limit: 8 * supply.Degree, Above: true, For: 12 * time.Minute}) {
		t.Errorf("%+v", sums)
	}
	if f, err = logger.Read(strings.NewReader(fridge2), time.UTC); err != nil || !f.Begun.Equal(time.Date(2020, 9, 20, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("with the caller's zone: %v, %v", f.Begun, err)
	}
	if f, err = logger.Read(strings.NewReader(qtag), nil); err != nil || len(f.Check()) != 0 || f.Recomputed() != 1 {
		t.Errorf("%v, %v", f.Check(), err)
	}
	if f, err = logger.Read(strings.NewReader(fridge2L), nil); err != nil || len(f.Check()) != 0 {
		t.Errorf("%v, %v", f.Check(), err)
	}
	if f, err = logger.Read(strings.NewReader("\ufeff"+csvFile), nil); err != nil {
		t.Fatal(err)
	}
	if s, ok := f.Series("fridge", "file"); !ok || len(s.Readings) != 2 || s.Readings[1].Celsius != -1 || s.Interval != 10*time.Minute {
		t.Errorf("%+v", s)
	}
}

func fuzz(f *testing.F, seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		file, err := logger.Read(strings.NewReader(in), nil)
		if err != nil {
			if !errors.Is(err, logger.ErrFormat) {
				t.Errorf("%q: %v", in, err)
			}
			return
		}
		file.Check()
		file.Recomputed()
		if s, ok := file.Series("p", "f"); ok {
			if err := s.Validate(); err != nil {
				t.Error(err)
			}
		}
		for _, s := range file.Summaries("p", "f") {
			if err := s.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzFridgeTag2(f *testing.F)  { fuzz(f, fridge2) }
func FuzzFridgeTag2L(f *testing.F) { fuzz(f, fridge2L) }
func FuzzFridgeTagUL(f *testing.F) {
	fuzz(f, strings.Replace(fridge2L, "Fridge-tag 2 L", "Fridge-tag Ultra Low", 1))
}
func FuzzQTag(f *testing.F) { fuzz(f, qtag) }
func FuzzCSV(f *testing.F)  { fuzz(f, csvFile) }
