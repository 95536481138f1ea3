use super::{Case, Code, Report, Severity};

const RENEW: &str = "renew it and install the new one";

pub(super) fn check(case: &Case<'_>, report: &mut Report) {
    let days = i64::from(case.requirements.days);
    for (i, certificate) in case.path() {
        let (from, to) = (certificate.not_before(), certificate.not_after());
        let title = certificate.title();
        if case.at > to {
            let ago = case.at.days_since(to);
            report.add(
                Code::Expired,
                Severity::Error,
                i,
                format!("{title} expired on {to}, {} before {}", count(ago), case.at),
                RENEW,
            );
        } else if case.at < from {
            report.add(
                Code::NotYetValid,
                Severity::Error,
                i,
                format!("{title} is not valid before {from}, now is {}", case.at),
                "check the clock, or wait until it is valid",
            );
        } else if to.days_since(case.at) < days {
            let left = to.days_since(case.at);
            report.add(
                Code::ExpiresSoon,
                Severity::Warning,
                i,
                format!("{title} expires in {}, on {to}", count(left)),
                RENEW,
            );
        }
    }
    for (i, certificate) in case.spare().filter(|(_, c)| !c.is_valid_at(case.at)) {
        let over = case.at > certificate.not_after();
        report.add(
            if over { Code::Expired } else { Code::NotYetValid },
            Severity::Warning,
            i,
            format!(
                "{} is valid from {} to {}, and no part of the way that clients go",
                certificate.title(),
                certificate.not_before(),
                certificate.not_after()
            ),
            "leave it out",
        );
    }
}

fn count(days: i64) -> String {
    if days == 1 { "1 day".into() } else { format!("{days} days") }
}
