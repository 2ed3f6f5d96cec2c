package docs

import (
	"regexp"
	"strings"
	"testing"
)

// The rules for alerts, the dashboard and the page about them name only metrics that the
// programs write, and the page names each of them.
func TestWatchedMetricsAreWritten(t *testing.T) {
	written := read(t, "internal/listing/metrics.go") + read(t, "fetch/metrics.go")
	name := regexp.MustCompile(`\b(?:vodmr|atrn)_[a-z_]+`)
	for _, file := range []string{"man/vodmr-watch.7", "dist/monitoring/vodmr.rules.yml", "dist/monitoring/vodmr-dashboard.json", "man/atrn.1"} {
		found := name.FindAllString(read(t, file), -1)
		if len(found) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, metric := range found {
			if !strings.Contains(written, `"`+metric+`"`) && !strings.Contains(written, metric+"{") {
				t.Errorf("%s names %s, which nothing writes", file, metric)
			}
		}
	}
	page, watch := read(t, "man/atrn.1"), read(t, "man/vodmr-watch.7")
	for _, metric := range name.FindAllString(written, -1) {
		if strings.HasPrefix(metric, "atrn_") && !strings.Contains(page, metric) {
			t.Errorf("atrn(1) does not tell of %s", metric)
		}
		if !strings.Contains(watch, metric) {
			t.Errorf("vodmr-watch(7) does not tell of %s", metric)
		}
	}
}
