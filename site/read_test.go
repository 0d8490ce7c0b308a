package site

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const header = "id,name,kind,address,lat,lon,phone,region\n"

func TestReadCSV(t *testing.T) {
	t.Parallel()
	src := "\xef\xbb\xbf" + header +
		"a-1, 가나  의원 ,clinic,\"경기도  수원시 팔달구 가상로 1 , 2층\",37.26,127.03,031-000-0000,경기\n" +
		"b,나다 센터,centre,,,,,강원특별자치도\r\n"
	want := []Site{
		{ID: "a-1", Name: "가나 의원", Kind: "clinic", Address: "경기도 수원시 팔달구 가상로 1, 2층", Region: "경기도", District: "수원시", Phone: "031-000-0000", Lat: 37.26, Lon: 127.03},
		{ID: "b", Name: "나다 센터", Kind: "centre", Region: "강원도"},
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(src)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]byte{"plain": []byte(src), "gzip": zipped.Bytes()} {
		got, skipped, err := Read(FormatCSV, "f", bytes.NewReader(in))
		if err != nil || skipped != nil {
			t.Fatalf("%s: %v, %v", name, skipped, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if n := Unplaced(want); n != 1 {
		t.Errorf("%d unplaced, want 1", n)
	}
	_, _, err := Read(FormatCSV, "f", bytes.NewReader(zipped.Bytes()[:zipped.Len()-6]))
	if err == nil || err.Error() != "f: is damaged or cut off gzip; want the file as it was published" {
		t.Errorf("cut off gzip: %v", err)
	}
}

func TestReadRefusesFiles(t *testing.T) {
	t.Parallel()
	const good = "a,가,clinic,주소,37.5,127,,서울\n"
	hospitals := "mgmt_no,status,name,kind,phone,addr_road,addr_jibun,sido,sigungu,lat\n"
	for _, c := range []struct{ format, src, want string }{
		{FormatCSV, "", "f: is empty; want sites"},
		{FormatCSV, "\xef\xbb\xbf \n", "f: is empty; want sites"},
		{FormatCSV, header, "f:1: has a header and no sites; want at least one"},
		{FormatCSV, "id,name\na,b\n", "f:1: want exactly this header: id,name,kind,address,lat,lon,phone,region"},
		{FormatCSV, strings.Replace(header, "lat,lon", "lon,lat", 1), "f:1: want exactly this header: id,name,kind,address,lat,lon,phone,region"},
		{FormatCSV, "id,id\n", "f:1: id: this column is there twice; want one"},
		{FormatCSV, header + good + "b,나\n", "f:3: has another number of fields than the header; want 8"},
		{FormatCSV, header + good + "\"b,나\n", "f:3: extraneous or missing \" in quoted-field"},
		{FormatCSV, header + good + good, `f:3: id: "a" is on line 2 already; want an id of its own`},
		{FormatCSV, header + "\"a\n\",가,clinic,,,,,서울\nb c,나,clinic,,,,,서울\n", `f:4: id: has a space or one of /\?#%:&"'<> in it; want 1 to 64 letters, digits or hyphens`},
		{FormatCSV, header + ",가,clinic,,,,,서울\n", "f:2: id: is empty; want 1 to 64 letters, digits or hyphens"},
		{FormatCSV, header + "all,가,clinic,,,,,서울\n", "f:2: id: is the word that stands for all sites; want 1 to 64 letters, digits or hyphens"},
		{FormatCSV, header + strings.Repeat("a", 65) + ",가,clinic,,,,,서울\n", "f:2: id: is longer than 64 bytes; want 1 to 64 letters, digits or hyphens"},
		{FormatCSV, header + "a, ,clinic,,,,,서울\n", "f:2: name: is empty; want the name people know the site by"},
		{FormatCSV, header + "a,가,Clinic,,,,,서울\n", `f:2: kind: "Clinic" is unknown; want centre, hospital or clinic`},
		{FormatCSV, header + "a,가,clinic,,,,,한양\n", `f:2: region: "한양" is unknown; want one of the 17 such as 서울특별시 or 경기도`},
		{FormatCSV, header + "a,가,clinic,,127,37.5,,서울\n", "f:2: lat, lon: 127, 37.5 is not in Korea; want lat 33 to 38.7 and lon 124.5 to 132 (are they exchanged?)"},
		{FormatCSV, header + "a,가,clinic,,37.5,,,서울\n", `f:2: lat, lon: "37.5", "" are no coordinates; want degrees such as 37.5665 and 126.978, or both empty`},
		{FormatCSV, header + "a,가,clinic,,NaN,127,,서울\n", "f:2: lat, lon: NaN, 127 is not in Korea; want lat 33 to 38.7 and lon 124.5 to 132 (are they exchanged?)"},
		{FormatCSV, header + good + "b,\xb0\xad,clinic,,,,,서울\n", "f:3: is not UTF-8, perhaps CP949 (EUC-KR); want UTF-8: iconv -f CP949 -t UTF-8"},
		{FormatCSV, "\x1f\x8bnot gzip after all", "f: is damaged gzip; want the file as it was published"},
		{FormatCSV, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff", "f: is damaged or cut off gzip; want the file as it was published"},
		{FormatHospitals, hospitals, "f:1: columns missing: lon; is this the right format for this file?"},
		{FormatHospitals, header, "f:1: columns missing: mgmt_no, status, addr_road, addr_jibun, sido, sigungu; is this the right format for this file?"},
		{FormatClinics, header, "f:1: columns missing: hpid, sigungu; is this the right format for this file?"},
		{FormatCentres, header, "f:1: is not a page of the centre API: invalid character 'i' looking for beginning of value"},
		{FormatCentres, "{\n\"page\": 1}", `f:2: is not a page of the centre API: it has no field data; want {"data": [ … ]}`},
		{FormatCentres, "{\n\"data\": [}", "f:2: is not a page of the centre API: invalid character '}' looking for beginning of value"},
		{FormatCentres, "{\"data\": []} 7", "f:1: is not a page of the centre API: json: cannot unmarshal number into Go value of type site.centrePage"},
		{FormatCentres, `{"data": [{"id": {}}]}`, "f:1: is not a page of the centre API: want a text or a number"},
		{"excel", "x", `format "excel" is unknown; want one of centres, hospitals, clinics, csv`},
	} {
		sites, _, err := Read(c.format, "f", strings.NewReader(c.src))
		if err == nil || err.Error() != c.want || sites != nil {
			t.Errorf("%s %q:\n got %v\nwant %s", c.format, c.src, err, c.want)
		}
		if _, ok := errors.AsType[*FileError](err); !ok && c.format != "excel" {
			t.Errorf("%q: error has type %T", c.src, err)
		}
	}
}

func TestReadBoundsWhatItUnpacks(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(bytes.Repeat([]byte("a"), 10_001)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := unpack("f", bytes.NewReader(bomb.Bytes()), 10_000)
	if err == nil || err.Error() != "f: is longer than 10000 bytes unpacked; want a smaller file" {
		t.Errorf("got %v", err)
	}
	if got, err := unpack("f", &bomb, 10_001); err != nil || len(got) != 10_001 {
		t.Errorf("just within the bound: %d bytes, %v", len(got), err)
	}
}

func TestReadSkipsRowsItCannotUse(t *testing.T) {
	t.Parallel()
	src := "mgmt_no,status,name,kind,phone,addr_road,addr_jibun,sido,sigungu,lat,lon\n" +
		"1,영업/정상,가  병원,병원,0310000000,,\"경기도 수원시  1번지 , 2층\",경기도,수원시,37.2,127.0\n" +
		"2,영업/정상,나병원,종합병원,,전라북도 전주시 1,,전북특별자치도,전주시,,\n" + // unplaced
		"3,폐업,다병원,병원,,,,경기도,,37.2,127.0\n" +
		"4,영업/정상,라,치과병원,,,,경기도,,37.2,127.0\n" +
		"5,영업/정상,마 치과병원,병원,,,,경기도,,37.2,127.0\n" +
		"6,영업/정상,바,한방병원,,,,경기도,,37.2,127.0\n" +
		",영업/정상,사병원,병원,,,,경기도,,37.2,127.0\n" +
		"8,영업/정상, ,병원,,,,경기도,,37.2,127.0\n" +
		"9,영업/정상,아병원,병원,,,,평안도,,37.2,127.0\n" +
		"10,영업/정상,자병원,병원,,,,경기도,,37.2,\n" +
		"11,영업/정상,차병원,병원,,,,경기도,,0.1,127\n" +
		"1,영업/정상,카병원,병원,,,,경기도,,37.2,127.0\n" +
		"13,영업/정상,나병원,종합병원,,전라북도  전주시 1,,전라북도,전주시,35.8,127.1\n" + // gives 2 its position
		"14,영업/정상,타,조산원,,,,경기도,,37.2,127.0\n" +
		"15,영업/정상,파병원,요양병원(노인병원),063-1,,,세종,한누리대로,0,0\n"
	sites, skipped, err := Read(FormatHospitals, "f", strings.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	wantSites := []Site{
		{ID: "localdata-1", Name: "가 병원", Kind: "hospital", Address: "경기도 수원시 1번지, 2층", Region: "경기도", District: "수원시", Phone: "031-000-0000", Lat: 37.2, Lon: 127},
		{ID: "localdata-2", Name: "나병원", Kind: "hospital", Address: "전라북도 전주시 1", Region: "전라북도", District: "전주시", Lat: 35.8, Lon: 127.1},
		{ID: "localdata-15", Name: "파병원", Kind: "hospital", Region: "세종특별자치시"},
	}
	if d := cmp.Diff(wantSites, sites); d != "" {
		t.Error(d)
	}
	wantSkipped := []Skipped{
		{4, "3", "다병원", ReasonClosed}, {5, "4", "라", ReasonDental}, {6, "5", "마 치과병원", ReasonDental}, {7, "6", "바", ReasonOriental},
		{8, "", "사병원", ReasonNoID}, {9, "8", "", ReasonNoName}, {10, "9", "아병원", ReasonNoRegion}, {11, "10", "자병원", ReasonPosition},
		{12, "11", "차병원", ReasonAbroad}, {13, "1", "카병원", ReasonSameID}, {14, "13", "나병원", ReasonSamePlace}, {15, "14", "타", ReasonKind},
	}
	if d := cmp.Diff(wantSkipped, skipped); d != "" {
		t.Error(d)
	}
}

func TestReadCentrePages(t *testing.T) {
	t.Parallel()
	one := `{"data": [{"id": 1, "centerName": "가 센터", "facilityName": "체육관", "address": "서울 중구 1", "sido": "서울특별시", "sigungu": "중구", "lat": "37.5", "lng": 127.0, "phoneNumber": ""}]}`
	two := `{"data": [{"id": "2", "centerName": "나 센터", "facilityName": "", "address": "", "sido": "충남", "sigungu": "천안시 동남구", "lat": null}, {"centerName": "다"}]}`
	want := []Site{
		{ID: "centre-1", Name: "가 센터", Kind: "centre", Address: "서울 중구 1, 체육관", Region: "서울특별시", District: "중구", Lat: 37.5, Lon: 127},
		{ID: "centre-2", Name: "나 센터", Kind: "centre", Region: "충청남도", District: "천안시"},
	}
	for _, src := range []string{one + two, one + "\n" + two + "\n", "[" + one + "," + two + "]"} {
		got, skipped, err := Read(FormatCentres, "f", strings.NewReader(src))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]Skipped{{3, "", "다", ReasonNoID}}, skipped); d != "" {
			t.Error(d)
		}
	}
}

func TestHospitalAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"경기도 가상시 나로 70-0,  (다동)층 (다동)":       "경기도 가상시 나로 70 (다동)",
		"경기도 가상시 나로 1641- ,  (다동)층 (다동)":     "경기도 가상시 나로 1641 (다동)",
		"경기도 가상시 나로 238- ,  4,5층 (다동)층 (다동)": "경기도 가상시 나로 238, 4,5층 (다동)",
		"경기도 가상시 나로 3-0":                     "경기도 가상시 나로 3",
		"경기도 가상시 나로 3-10, 2층 (다동, 라빌딩)":      "경기도 가상시 나로 3-10, 2층 (다동, 라빌딩)",
	} {
		if got := hospitalAddress(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestPhone(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0310000000": "031-000-0000", "0200000000": "02-0000-0000", "020000000": "02-000-0000", "01000000000": "010-0000-0000",
		"031-000-0000": "031-000-0000", " 031 000  0000 ": "031 000 0000", "15880000": "15880000", "749-9000": "749-9000",
		"---02-": "", "": "", "00000000000000": "00000000000000",
	} {
		if got := phone(in); got != want {
			t.Errorf("phone(%q) = %q, want %q", in, got, want)
		}
	}
}

// realFile opens a file of the real data, which is not part of the project: it lies in ../shared/data beside the checkout
// or where CHARYE_DATA says.
func realFile(t testing.TB, path string) []byte {
	t.Helper()
	dir := os.Getenv("CHARYE_DATA")
	if dir == "" {
		root, err := filepath.Abs("..")
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(root, "..", "shared", "data")
	}
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the real data is not on this machine (%s in ../shared/data or $CHARYE_DATA)", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	realHospitals = "kr-hospitals-national-2021-06/hospitals_operating.csv.gz"
	realClinics   = "kr-clinics-seoul/seoul_clinics_hospitals.csv.gz"
	realCentres   = "kr-vaccination-centres-sample/centers_page1_perpage10.json"
)

func TestRealFiles(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, c := range []struct {
		format, path       string
		rows               int
		used, unplaced     int
		reasons            map[string]int
		regions, districts int
	}{
		{FormatHospitals, realHospitals, 4540, 3645, 170, map[string]int{ReasonDental: 236, ReasonOriental: 445, ReasonSamePlace: 214}, 17, 223},
		{FormatClinics, realClinics, 7769, 7758, 0, map[string]int{ReasonSamePlace: 11}, 1, 25},
		{FormatCentres, realCentres, 10, 10, 0, map[string]int{}, 8, 10},
	} {
		sites, skipped, err := Read(c.format, c.path, bytes.NewReader(realFile(t, c.path)))
		if err != nil {
			t.Fatal(err)
		}
		reasons := make(map[string]int)
		for _, s := range skipped {
			reasons[s.Reason]++
		}
		if d := cmp.Diff(c.reasons, reasons); d != "" {
			t.Errorf("%s: skipped: %s", c.format, d)
		}
		if len(sites) != c.used || Unplaced(sites) != c.unplaced || len(sites)+len(skipped) != c.rows {
			t.Errorf("%s: %d used (%d unplaced) and %d skipped of %d", c.format, len(sites), Unplaced(sites), len(skipped), c.rows)
		}
		regions, districts := make(map[string]bool), make(map[string]bool)
		for _, s := range sites {
			regions[s.Region] = true
			districts[s.Region+s.District] = true
			if seen[s.ID] || badSite(s) != "" {
				t.Fatalf("%s: bad site %+v: %s", c.format, s, badSite(s))
			}
			seen[s.ID] = true
		}
		if len(regions) != c.regions || len(districts) != c.districts {
			t.Errorf("%s: %d regions, %d districts", c.format, len(regions), len(districts))
		}
	}
}

// badSite tells what is wrong with a site that was read.
func badSite(s Site) string {
	switch {
	case checkID(s.ID) != "":
		return "id " + checkID(s.ID)
	case s.Name == "" || s.Name != clean(s.Name) || strings.Contains(s.Name, "  "):
		return "name"
	case !slices.Contains([]string{"centre", "hospital", "clinic"}, s.Kind):
		return "kind"
	case regionRank(s.Region) == len(regions):
		return "region"
	case s.Placed() && !inKorea(s.Lat, s.Lon):
		return "position"
	}
	return ""
}

func BenchmarkReadHospitals(b *testing.B) {
	src := realFile(b, realHospitals)
	for b.Loop() {
		if _, _, err := Read(FormatHospitals, "f", bytes.NewReader(src)); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(FormatCSV, []byte(header+"a,가,clinic,주소,37.5,127,,서울\n"))
	f.Add(FormatHospitals, []byte("mgmt_no,status,name,kind,phone,addr_road,addr_jibun,sido,sigungu,lat,lon\n1,영업,가,병원,,,,서울,,,\n"))
	f.Add(FormatClinics, []byte("hpid,name,kind,address,phone,lat,lon,sigungu\nA1,가,의원,서울특별시 중구 1,,37,127,중구\n"))
	f.Add(FormatCentres, []byte(`[{"data":[{"id":1,"centerName":"가","sido":"서울","lat":"37","lng":127}]}]`))
	f.Add(FormatCSV, []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, 0, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, format string, src []byte) {
		sites, skipped, err := Read(format, "f", bytes.NewReader(src))
		if err != nil && (sites != nil || skipped != nil) {
			t.Fatal("an error and sites")
		}
		ids := make(map[string]bool)
		for _, s := range sites {
			if why := badSite(s); why != "" || ids[s.ID] {
				t.Fatalf("accepted %+v: %s", s, why)
			}
			ids[s.ID] = true
		}
		for _, s := range skipped {
			if s.Reason == "" || s.Row < 1 {
				t.Fatalf("skipped without saying why or where: %+v", s)
			}
		}
	})
}
