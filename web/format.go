package web

import (
	"strconv"
	"time"

	"charye/internal/civil"
)

// number writes a whole number with a comma at each thousand, as both languages do.
func number(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

var weekdayKeys = [7]string{
	"date.sunday", "date.monday", "date.tuesday", "date.wednesday", "date.thursday", "date.friday", "date.saturday",
}

var monthKeys = [13]string{
	1: "date.january", 2: "date.february", 3: "date.march", 4: "date.april", 5: "date.may", 6: "date.june", 7: "date.july",
	8: "date.august", 9: "date.september", 10: "date.october", 11: "date.november", 12: "date.december",
}

// day writes a date with its weekday and year.
func (l *language) day(d civil.Date) (string, error) { return l.date("date.full", d) }

// shortDay writes a date with its weekday and without its year, for lists.
func (l *language) shortDay(d civil.Date) (string, error) { return l.date("date.short", d) }

// plainDay writes a date without its weekday, for birthdays.
func (l *language) plainDay(d civil.Date) (string, error) { return l.date("date.plain", d) }

func (l *language) date(key string, d civil.Date) (string, error) {
	t := d.At(0, time.UTC)
	weekday, err := l.text(weekdayKeys[d.Weekday()])
	if err != nil {
		return "", err
	}
	month, err := l.text(monthKeys[t.Month()])
	if err != nil {
		return "", err
	}
	s, err := l.text(key, "year", strconv.Itoa(t.Year()), "month", month, "day", strconv.Itoa(t.Day()), "weekday", weekday)
	return s, err
}

// clock writes the time of day of an instant in the programme's zone.
func (l *language) clock(t time.Time) (string, error) {
	t = t.In(l.zone)
	key := "time.am"
	if t.Hour() >= 12 {
		key = "time.pm"
	}
	return l.text(key, "hour", strconv.Itoa((t.Hour()+11)%12+1), "minute", twoDigits(t.Minute()))
}

// hour writes the time of day without saying which half of the day.
func (l *language) hour(t time.Time) string {
	t = t.In(l.zone)
	return strconv.Itoa((t.Hour()+11)%12+1) + ":" + twoDigits(t.Minute())
}

// seconds writes the server's clock to the second, in 24 hours, as on a station clock.
func (l *language) seconds(t time.Time) string { return t.In(l.zone).Format("15:04:05") }

// when writes day and time of day.
func (l *language) when(t time.Time) (string, error) {
	day, err := l.day(civil.Of(t, l.zone))
	if err != nil {
		return "", err
	}
	clock, err := l.clock(t)
	if err != nil {
		return "", err
	}
	return l.text("date.when", "day", day, "time", clock)
}

func twoDigits(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// estimate writes an honest range of waiting. The waiting page's script has the same rule (assets/wait.ts, estimate).
func (l *language) estimate(wait [2]time.Duration) (string, error) {
	lo, hi := int(wait[0]/time.Second), int(wait[1]/time.Second)
	switch {
	case lo < 0 || hi < 0, hi > 3600 && hi > 8*max(lo, 60):
		// A range from minutes to many hours tells nobody anything: it stands only until the pace has been measured.
		return l.text("wait.estimate.unknown")
	case hi < 60:
		return l.text("wait.estimate.soon")
	case hi <= 120*60:
		lo, hi = lo/60, (hi+59)/60
		if lo == 0 {
			return l.text("wait.estimate.upto.minutes", "n", hi)
		}
		return l.text("wait.estimate.minutes", "lo", lo, "hi", max(hi, lo+1))
	}
	lo, hi = lo/3600, (hi+3599)/3600
	if lo == 0 {
		return l.text("wait.estimate.upto.hours", "n", hi)
	}
	return l.text("wait.estimate.hours", "lo", lo, "hi", max(hi, lo+1))
}

// countdown writes how long it is until an instant, in its two largest units.
func (l *language) countdown(left time.Duration) (string, error) {
	s := max(int(left/time.Second), 0)
	days, hours, minutes := s/86400, s/3600%24, s/60%60
	switch {
	case days > 0:
		return l.text("countdown.days", "days", days, "hours", hours)
	case hours > 0:
		return l.text("countdown.hours", "hours", hours, "minutes", minutes)
	}
	return l.text("countdown.minutes", "minutes", minutes, "seconds", s%60)
}

// regionNames are the provinces' English names; the sites' source has them in Korean only.
var regionNames = map[string]string{
	"서울특별시": "Seoul", "부산광역시": "Busan", "대구광역시": "Daegu", "인천광역시": "Incheon", "광주광역시": "Gwangju",
	"대전광역시": "Daejeon", "울산광역시": "Ulsan", "세종특별자치시": "Sejong", "경기도": "Gyeonggi",
	"강원도": "Gangwon", "강원특별자치도": "Gangwon", "충청북도": "North Chungcheong", "충청남도": "South Chungcheong",
	"전라북도": "North Jeolla", "전북특별자치도": "North Jeolla", "전라남도": "South Jeolla", "경상북도": "North Gyeongsang",
	"경상남도": "South Gyeongsang", "제주특별자치도": "Jeju",
}

// region writes a province as the reader can read it.
func (l *language) region(name string) string {
	if en := regionNames[name]; en != "" && l.id != "ko" {
		return en
	}
	return name
}
