-- Task instances that ended, but not well, are asked for over all runs: they are few among those that did. What goes
-- well is never in this index, so it costs nothing but the look at its condition. With its last column it can be walked
-- without a look at the table.

CREATE INDEX task_instance_ended_otherwise ON task_instance (state, run, task, item, ended_at)
    WHERE ended_at IS NOT NULL AND state <> 'success';
