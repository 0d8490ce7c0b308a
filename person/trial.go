package person

import "fmt"

// TrialPerson is a made-up person for load tests.
type TrialPerson struct {
	Subject  string // in NamespaceCI
	Identity string
	Name     string
}

// Trial gives made-up person n, the same one for ever. Different n have different subjects and identity numbers; names
// repeat after 18,000. Subjects begin with "trial-", which no provider's subject does, and identity numbers begin with T
// and hold a character more than real ones, so no real person can ever be met. Only programmes marked `trial: true` may
// let these people in; n must not be negative.
func Trial(n int) TrialPerson {
	if n < 0 {
		panic("person: trial people count from 0")
	}
	return TrialPerson{
		Subject:  fmt.Sprintf("trial-%010d", n),
		Identity: fmt.Sprintf("T%06d-%07d", n/1e7, n%1e7),
		Name: trialFamily[n%len(trialFamily)] +
			trialFirst[n/len(trialFamily)%len(trialFirst)] +
			trialSecond[n/len(trialFamily)/len(trialFirst)%len(trialSecond)],
	}
}

var (
	trialFamily = [20]string{
		"김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권", "황", "안", "송", "류", "홍",
	}
	trialFirst = [30]string{
		"가", "나", "다", "라", "마", "바", "사", "아", "자", "차", "하", "고", "노", "도", "로",
		"모", "보", "소", "유", "주", "초", "호", "기", "미", "비", "시", "지", "희", "해", "태",
	}
	trialSecond = [30]string{
		"온", "슬", "별", "솔", "봄", "샘", "빛", "늘", "람", "결", "들", "찬", "한", "훈", "민",
		"준", "진", "현", "영", "은", "선", "연", "우", "원", "율", "인", "재", "정", "경", "규",
	}
)
