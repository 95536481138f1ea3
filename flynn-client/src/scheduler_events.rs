//! Scheduler events: reports that a scheduled command of an app has run (the fork randy-girard/flynn, September 2026).
//!
//! A program that runs commands on a schedule, such as the fork's scheduler plugin, reports each run. The server has no
//! call that lists these reports; read the [events](crate::events) of the type
//! [`EventType::Scheduler`](crate::events::EventType) instead.
//!
//! Written from the fork's source; never recorded from a real controller. Servers without
//! [`Capability::Users`](crate::capabilities::Capability::Users) answer
//! [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().server(flynn_mock::ServerAge::Fork2026September).bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! # flynn.apps().create(flynn_client::apps::NewApp::named("shop")).await?;
//! use flynn_client::events::EventType;
//! use flynn_client::scheduler_events::{NewSchedulerEvent, SchedulerEvent};
//!
//! let report = NewSchedulerEvent::new("nightly").command("bin/clean").schedule("0 3 * * *");
//! flynn.app("shop").report_scheduler_event(report).await?;
//!
//! let runs = flynn.events().of_app("shop").object_types([EventType::Scheduler]).list().await?;
//! assert_eq!(runs[0].decode::<SchedulerEvent>()?.command, "bin/clean");
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::ids::{AppId, JobId, ScheduleId, SchedulerEventId};
use crate::timestamp::Timestamp;
use crate::transport::{Repeat, Request, Spec};

/// A run of a scheduled command, as in the data of an event of the type `scheduler`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SchedulerEvent {
    /// Id of this run, a UUID.
    pub id: SchedulerEventId,
    /// The app.
    #[serde(skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// The id of the schedule, which is the event's `object_id`.
    pub schedule_id: ScheduleId,
    /// The schedule's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The command that was run.
    pub command: String,
    /// The process type that it was run as.
    pub process_type: String,
    /// The schedule in cron syntax, such as `0 3 * * *`.
    pub schedule: String,
    /// The job, as `host-uuid`.
    #[serde(skip_serializing_if = "JobId::is_empty")]
    pub job_id: JobId,
    /// The job's UUID.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub job_uuid: String,
    /// The reason why the command could not be run; empty if it was run.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// The time when it was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fired_at: Option<Timestamp>,
}

/// A run to report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
#[non_exhaustive]
#[must_use]
pub struct NewSchedulerEvent(
    /// The run.
    pub SchedulerEvent,
);

impl NewSchedulerEvent {
    /// Creates a report that this schedule runs a command now.
    pub fn new(schedule_id: impl Into<ScheduleId>) -> Self {
        Self(SchedulerEvent { schedule_id: schedule_id.into(), ..SchedulerEvent::default() })
    }

    /// Sets the id of the run, a UUID. Default: an id that the server chooses.
    pub fn id(mut self, id: impl Into<SchedulerEventId>) -> Self {
        self.0.id = id.into();
        self
    }

    /// Sets the schedule's name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = name.into();
        self
    }

    /// Sets the command.
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.0.command = command.into();
        self
    }

    /// Sets the process type.
    pub fn process_type(mut self, process_type: impl Into<String>) -> Self {
        self.0.process_type = process_type.into();
        self
    }

    /// Sets when the command runs, such as `0 3 * * *`.
    pub fn schedule(mut self, schedule: impl Into<String>) -> Self {
        self.0.schedule = schedule.into();
        self
    }

    /// Sets the job.
    pub fn job(mut self, id: impl Into<JobId>) -> Self {
        self.0.job_id = id.into();
        self
    }

    /// Sets why the command could not be run.
    pub fn error(mut self, error: impl Into<String>) -> Self {
        self.0.error = error.into();
        self
    }

    /// Sets when the command was run; otherwise it is the server's present time.
    pub fn fired_at(mut self, at: impl Into<Timestamp>) -> Self {
        self.0.fired_at = Some(at.into());
        self
    }
}

impl AppHandle {
    /// Reports that a scheduled command was run: `POST /apps/:a/scheduler-events` (the fork). It adds an event and runs
    /// nothing.
    ///
    /// Needs the cluster's key, or the grant `app:scheduler:write` on the app.
    ///
    /// # Errors
    /// Fails with [`Validation`](crate::ErrorKind::Validation) if the schedule's id is empty; with
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without this grant; with [`NotFound`](crate::ErrorKind::NotFound)
    /// if the app does not exist. Fails with [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the
    /// fork.
    pub fn report_scheduler_event(&self, event: NewSchedulerEvent) -> Request<SchedulerEvent> {
        // Each report is one more event.
        let path = "/apps/{app}/scheduler-events";
        let spec = Spec::post(path, [self.app.as_str()], Repeat::Never);
        Request::json(&self.client, spec.body(event))
    }
}
