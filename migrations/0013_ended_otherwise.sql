-- Task instances that ended, but not well, are asked for over all runs: they are few among those that did. What goes
-- well is never in this index, so it costs nothing but the look at its condition.

CREATE INDEX task_instance_ended_otherwise ON task_instance (state, run, task, item)
    WHERE ended_at IS NOT NULL AND state <> 'success';
