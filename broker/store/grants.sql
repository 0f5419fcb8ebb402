-- The hot path of capacity on PostgreSQL. One call of `lease_batch` is one round trip and one
-- commit, however many requests, returns and heartbeats it carries.
--
-- 1. Whoever changes a pool's accounts holds that pool's row. Locks are taken in one order: pools
--    by id, the counter of fences, requests, leases by id.
-- 2. The counter is held from before the first event until the commit, so events and fences
--    become visible in the order of their numbers.
-- 3. The clock is the database's, read once all locks are held. An overdue lease counts as used
--    until the sweep has ended it.
-- 4. A request's row carries what became of it, so whoever asks again finds it.
--
-- Rows are found by `= ANY (ids)` or a lateral lookup: a join the planner is free to turn around
-- would read whole tables for as long as their statistics are those of an empty database.
--
-- Names: a_ arguments, o_ what is returned, v_ variables, c_ constants; w_ arrays by request, p_ by
-- pool, t_ by line given out, r_ by return, b_ by heartbeat.

---- lease_guard: what a clock that leaps ahead would end is kept alive.
-- `a_expected` is the database's time by the caller's stopwatch; null where it has none yet.
CREATE OR REPLACE FUNCTION lease_guard(a_expected timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  c_leap CONSTANT interval := '30 seconds';
  v_now timestamptz := clock_timestamp();
  v_jump interval;
BEGIN
  SELECT v_now - greatest(a_expected, s.swept_at) INTO v_jump FROM sweep s WHERE s.name = 'lease';
  IF a_expected IS NULL OR v_jump IS NULL OR v_jump <= c_leap THEN
    RETURN false;
  END IF;
  PERFORM 1 FROM pool ORDER BY id FOR UPDATE;
  PERFORM 1 FROM fence WHERE name = 'lease' FOR UPDATE;
  PERFORM 1 FROM lease WHERE is_live ORDER BY id FOR UPDATE;
  -- Another process may have seen the same leap first: then its sweep is of this side of it.
  SELECT v_now - greatest(a_expected, s.swept_at) INTO v_jump
    FROM sweep s WHERE s.name = 'lease' FOR UPDATE;
  IF v_jump <= c_leap THEN
    RETURN false;
  END IF;
  UPDATE lease SET expires_at = expires_at + v_jump, rev = rev + 1
    WHERE is_live AND state <> 'scheduled';
  INSERT INTO capacity_event (kind, object_id, at, data)
    VALUES ('clock.jumped', 'clock', clock_timestamp(),
            json_build_object('seconds', round(extract(epoch FROM v_jump)))::text);
  UPDATE sweep SET swept_at = clock_timestamp(), paused_until = clock_timestamp() + c_leap
    WHERE name = 'lease';
  RETURN true;
END $$;

---- lease_welcome: after a start nobody loses a lease that could not be renewed meanwhile.
CREATE OR REPLACE FUNCTION lease_welcome() RETURNS timestamptz
LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz;
BEGIN
  PERFORM 1 FROM pool ORDER BY id FOR UPDATE;
  PERFORM 1 FROM lease WHERE is_live ORDER BY id FOR UPDATE;
  v_now := clock_timestamp();
  UPDATE lease SET expires_at = wanted.until, rev = rev + 1
    FROM (
      SELECT l.id, least(v_now + make_interval(secs => l.ttl_seconds), l.ends_at,
                         min(p.closes_at)) AS until
        FROM lease l JOIN lease_line ll ON ll.lease_id = l.id JOIN pool p ON p.id = ll.pool_id
        WHERE l.is_live AND l.state <> 'scheduled'
        GROUP BY l.id
    ) AS wanted
    WHERE lease.id = wanted.id AND wanted.until > lease.expires_at;
  INSERT INTO sweep (name, swept_at) VALUES ('lease', v_now)
    ON CONFLICT (name) DO UPDATE SET swept_at = v_now;
  RETURN v_now;
END $$;

---- lease_finish: leases end, their GPUs are available again. Pools and leases are locked.
CREATE OR REPLACE FUNCTION lease_finish(
  a_ids text[], a_states text[], a_reasons text[], a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  WITH old AS MATERIALIZED (
    SELECT l.id, l.holder, l.principal, l.request_id, l.gpu_count, l.fence, x.state, x.reason,
           CASE WHEN l.state = 'scheduled' THEN 'scheduled'
                WHEN l.confirmed_at IS NULL THEN 'held' ELSE 'leased' END AS account
      FROM unnest(a_ids, a_states, a_reasons) AS x(id, state, reason)
      JOIN lease l ON l.id = x.id
      WHERE l.id = ANY (a_ids) AND l.is_live
  ), line AS MATERIALIZED (
    SELECT o.*, ll.pool_id, ll.gpu_count AS n
      FROM old o JOIN lease_line ll ON ll.lease_id = o.id WHERE ll.lease_id = ANY (a_ids)
  ), ended AS (
    UPDATE lease SET state = o.state, is_live = false, reason = o.reason, ended_at = a_now,
                     rev = rev + 1
      FROM old o WHERE lease.id = o.id AND lease.id = ANY (a_ids)
  ), moved AS (
    INSERT INTO capacity_transfer (pool_id, debit, credit, gpu_count, cause, actor, at)
      SELECT pool_id, account, 'available', n, 'lease ' || id || ' ' || state,
             CASE state WHEN 'released' THEN principal ELSE 'sweep' END, a_now
        FROM line WHERE account <> 'scheduled' ORDER BY id, pool_id
  ), told AS (
    INSERT INTO capacity_event (kind, object_id, holder, principal, at, data)
      SELECT 'lease.' || state, id, holder, principal, a_now,
             json_build_object('request_id', request_id, 'fence', fence, 'gpu_count', gpu_count,
                               'reason', reason)::text
        FROM old ORDER BY fence
  )
  UPDATE pool SET
      available = available + s.held + s.leased, held = pool.held - s.held,
      leased = pool.leased - s.leased, scheduled = pool.scheduled - s.scheduled,
      gen = gen + 1, changed_at = a_now
    FROM (
      SELECT pool_id,
             coalesce(sum(n) FILTER (WHERE account = 'held'), 0)::int AS held,
             coalesce(sum(n) FILTER (WHERE account = 'leased'), 0)::int AS leased,
             coalesce(sum(n) FILTER (WHERE account = 'scheduled'), 0)::int AS scheduled
        FROM line GROUP BY pool_id
    ) AS s
    WHERE pool.id = s.pool_id
      AND pool.id = ANY (ARRAY(SELECT ll.pool_id FROM lease_line ll WHERE ll.lease_id = ANY (a_ids)));
END $$;

---- lease_begin: scheduled leases whose time has come get their GPUs, where there are enough.
CREATE OR REPLACE FUNCTION lease_begin(a_ids text[], a_now timestamptz) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_lease record;
  v_terms record;
  v_begun int := 0;
BEGIN
  FOR v_lease IN
    SELECT * FROM lease WHERE id = ANY (a_ids) AND state = 'scheduled' AND starts_at <= a_now
      ORDER BY starts_at, fence
  LOOP
    SELECT bool_and(p.available - p.kept_back - p.claimed >= ll.gpu_count) AS fits,
           min(p.confirm_seconds) AS confirm_seconds, min(p.closes_at) AS closes_at
      INTO v_terms
      FROM lease_line ll JOIN pool p ON p.id = ll.pool_id WHERE ll.lease_id = v_lease.id;
    IF v_lease.ends_at <= a_now OR v_terms.closes_at <= a_now THEN
      PERFORM lease_finish(ARRAY[v_lease.id], ARRAY['expired'], ARRAY['not-started'], a_now);
      CONTINUE;
    END IF;
    CONTINUE WHEN NOT v_terms.fits;
    UPDATE lease SET state = 'granted', rev = rev + 1,
        expires_at = least(
          a_now + make_interval(secs => least(ttl_seconds, v_terms.confirm_seconds)),
          ends_at, v_terms.closes_at)
      WHERE id = v_lease.id;
    UPDATE pool SET available = available - ll.gpu_count, held = held + ll.gpu_count,
        scheduled = scheduled - ll.gpu_count, gen = gen + 1, changed_at = a_now
      FROM lease_line ll WHERE ll.lease_id = v_lease.id AND pool.id = ll.pool_id;
    INSERT INTO capacity_transfer (pool_id, debit, credit, gpu_count, cause, actor, at)
      SELECT pool_id, 'available', 'held', gpu_count, 'lease ' || v_lease.id || ' granted',
             'sweep', a_now
        FROM lease_line WHERE lease_id = v_lease.id ORDER BY pool_id;
    INSERT INTO capacity_event (kind, object_id, holder, principal, at, data)
      VALUES ('lease.granted', v_lease.id, v_lease.holder, v_lease.principal, a_now,
              json_build_object('request_id', v_lease.request_id, 'fence', v_lease.fence,
                                'gpu_count', v_lease.gpu_count)::text);
    v_begun := v_begun + 1;
  END LOOP;
  RETURN v_begun;
END $$;

---- lease_sweep: ends what is overdue, begins what is due; at most `a_most` of each.
CREATE OR REPLACE FUNCTION lease_sweep(
  a_expected timestamptz, a_most int,
  OUT o_expired int, OUT o_unconfirmed int, OUT o_preempted int, OUT o_started int,
  OUT o_lag float8, OUT o_paused boolean, OUT o_now timestamptz)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  c_longest_pause CONSTANT interval := '30 seconds';
  v_ids text[];
  v_begin text[];
  v_states text[];
  v_reasons text[];
BEGIN
  o_expired := 0; o_unconfirmed := 0; o_preempted := 0; o_started := 0; o_lag := 0;
  o_paused := lease_guard(a_expected);
  o_now := clock_timestamp();
  IF NOT o_paused THEN  -- a pause that ends later than it could was written before a step back
    SELECT coalesce(paused_until > o_now AND paused_until <= o_now + c_longest_pause, false)
      INTO o_paused FROM sweep WHERE name = 'lease';
  END IF;
  IF o_paused THEN
    RETURN;
  END IF;
  SELECT coalesce(array_agg(d.id), '{}'),
         coalesce(extract(epoch FROM o_now - min(d.due_at)), 0) INTO v_ids, o_lag
    FROM (
      SELECT due.id, due.due_at FROM (
        SELECT l.id, l.expires_at,
               CASE WHEN l.state = 'preempting' THEN least(l.ends_at, l.expires_at + g.grace)
                    ELSE l.expires_at + g.grace END AS due_at
          FROM lease l CROSS JOIN LATERAL (
            SELECT make_interval(secs => max(p.grace_seconds)) AS grace
              FROM lease_line ll JOIN pool p ON p.id = ll.pool_id WHERE ll.lease_id = l.id
          ) AS g
          WHERE l.is_live AND l.state <> 'scheduled' AND l.expires_at <= o_now
      ) AS due
      WHERE due.due_at <= o_now ORDER BY due.expires_at LIMIT a_most
    ) AS d;
  v_begin := ARRAY(SELECT id FROM lease WHERE state = 'scheduled' AND starts_at <= o_now
                   ORDER BY starts_at LIMIT a_most);
  IF cardinality(v_ids || v_begin) > 0 THEN
    PERFORM 1 FROM pool WHERE id = ANY (ARRAY(
      SELECT pool_id FROM lease_line WHERE lease_id = ANY (v_ids || v_begin)))
      ORDER BY id FOR UPDATE;
    PERFORM 1 FROM fence WHERE name = 'lease' FOR UPDATE;
    PERFORM 1 FROM lease WHERE id = ANY (v_ids || v_begin) ORDER BY id FOR UPDATE;
    -- Whoever was renewed or released before we held it is not overdue any more.
    SELECT coalesce(array_agg(l.id), '{}'),
           array_agg(CASE l.state WHEN 'preempting' THEN 'preempted' ELSE 'expired' END),
           array_agg(CASE WHEN l.state = 'preempting' THEN 'preempted'
                          WHEN l.confirmed_at IS NULL THEN 'unconfirmed'
                          WHEN l.ends_at <= l.expires_at THEN 'ended' ELSE 'silent' END)
      INTO v_ids, v_states, v_reasons
      FROM lease l
      WHERE l.id = ANY (v_ids) AND l.is_live AND l.state <> 'scheduled' AND l.expires_at <= o_now;
    PERFORM lease_finish(v_ids, v_states, v_reasons, o_now);
    o_unconfirmed := coalesce(cardinality(array_positions(v_reasons, 'unconfirmed')), 0);
    o_preempted := coalesce(cardinality(array_positions(v_reasons, 'preempted')), 0);
    o_expired := cardinality(v_ids) - o_unconfirmed - o_preempted;
    o_started := lease_begin(v_begin, o_now);
  END IF;
  UPDATE sweep SET swept_at = o_now WHERE name = 'lease';
END $$;

---- lease_peak: how many GPUs beyond those in use now the bookings of a pool take at worst.
-- Between two moments, counting also what this batch has granted and not written yet (`x_`, with a
-- null start where it runs already). Negative where what runs now ends before.
CREATE OR REPLACE FUNCTION lease_peak(
  a_pool text, a_from timestamptz, a_until timestamptz, a_grace int,
  x_gpus int[], x_start timestamptz[], x_end timestamptz[]) RETURNS int
LANGUAGE sql STABLE AS $$
  WITH taken AS (
    SELECT ll.gpu_count AS n, CASE l.state WHEN 'scheduled' THEN l.starts_at END AS start,
           coalesce(l.ends_at + make_interval(secs => a_grace), 'infinity') AS until
      FROM lease l JOIN lease_line ll ON ll.lease_id = l.id AND ll.pool_id = a_pool
      WHERE l.id = ANY (ARRAY(
        SELECT s.id FROM lease s WHERE s.state = 'scheduled' AND s.starts_at < a_until
        UNION ALL
        SELECT r.id FROM lease r WHERE r.is_live AND r.ends_at IS NOT NULL
          AND r.ends_at < a_until AND r.state <> 'scheduled'))
    UNION ALL
    SELECT * FROM unnest(x_gpus, x_start, x_end)
  ), step AS (
    SELECT a_from AS at, 0 AS delta
    UNION ALL
    SELECT greatest(start, a_from), n FROM taken WHERE start < a_until AND until > a_from
    UNION ALL
    SELECT greatest(until, a_from), -n FROM taken
      WHERE until < a_until AND (start IS NULL OR until > a_from)
  ), netted AS (
    SELECT at, sum(delta) AS delta FROM step GROUP BY at
  )
  SELECT max(load)::int FROM (SELECT sum(delta) OVER (ORDER BY at) AS load FROM netted) AS level
$$;

---- lease_renew: heartbeats. The first one of a grant confirms it: its GPUs go from held to leased.
-- Confirmed are only those in `a_confirming`, whose pools are locked. Who is not answered is lost.
CREATE OR REPLACE FUNCTION lease_renew(
  b_id text[], b_fence bigint[], b_ttl int[], b_principal text[],
  a_confirming text[], a_now timestamptz)
RETURNS TABLE (o_ix int, o_state text, o_until timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
    SELECT x.ix::int, l.state::text, l.expires_at
      FROM unnest(b_id, b_fence, b_principal) WITH ORDINALITY AS x(id, fence, principal, ix)
      JOIN lease l ON l.id = x.id AND l.fence = x.fence
      WHERE l.id = ANY (b_id) AND l.state = 'scheduled'
        AND (x.principal IS NULL OR x.principal = l.principal);
  RETURN QUERY
    WITH good AS MATERIALIZED (
      SELECT x.ix, l.id, l.holder, l.principal, l.fence, l.gpu_count, l.confirmed_at,
             l.confirmed_at IS NULL AND l.id = ANY (a_confirming) AS confirms,
             CASE WHEN l.state = 'granted' AND l.id = ANY (a_confirming) THEN 'active'
                  ELSE l.state END AS state,
             coalesce(x.ttl, l.ttl_seconds) AS ttl,
             least(greatest(l.expires_at,
                            a_now + make_interval(secs => coalesce(x.ttl, l.ttl_seconds))),
                   l.ends_at, c.closes_at) AS until
        FROM unnest(b_id, b_fence, b_ttl, b_principal)
             WITH ORDINALITY AS x(id, fence, ttl, principal, ix)
        JOIN lease l ON l.id = x.id AND l.fence = x.fence
        CROSS JOIN LATERAL (
          SELECT min(p.closes_at) AS closes_at
            FROM lease_line ll JOIN pool p ON p.id = ll.pool_id WHERE ll.lease_id = l.id
        ) AS c
        WHERE l.id = ANY (b_id) AND (x.principal IS NULL OR x.principal = l.principal)
          AND l.state IN ('granted', 'active', 'preempting') AND l.expires_at > a_now
          AND coalesce(least(l.ends_at, c.closes_at), 'infinity') > a_now
    ), line AS MATERIALIZED (
      SELECT g.id, g.principal, ll.pool_id, ll.gpu_count AS n
        FROM good g JOIN lease_line ll ON ll.lease_id = g.id
        WHERE g.confirms AND ll.lease_id = ANY (a_confirming)
    ), moved AS (
      INSERT INTO capacity_transfer (pool_id, debit, credit, gpu_count, cause, actor, at)
        SELECT pool_id, 'held', 'leased', n, 'lease ' || id || ' confirmed', principal, a_now
          FROM line ORDER BY id, pool_id
    ), told AS (
      INSERT INTO capacity_event (kind, object_id, holder, principal, at, data)
        SELECT 'lease.active', id, holder, principal, a_now,
               json_build_object('fence', fence, 'gpu_count', gpu_count)::text
          FROM good WHERE confirms ORDER BY fence
    ), pools AS (
      UPDATE pool SET held = held - s.n, leased = leased + s.n, gen = gen + 1, changed_at = a_now
        FROM (SELECT pool_id, sum(n)::int AS n FROM line GROUP BY pool_id) AS s
        WHERE pool.id = s.pool_id AND pool.id = ANY (ARRAY(
          SELECT ll.pool_id FROM lease_line ll WHERE ll.lease_id = ANY (a_confirming)))
    )
    UPDATE lease SET expires_at = g.until, ttl_seconds = g.ttl, state = g.state, rev = rev + 1,
        confirmed_at = CASE WHEN g.confirms THEN a_now ELSE g.confirmed_at END
      FROM good g WHERE lease.id = g.id AND lease.id = ANY (b_id)
      RETURNING g.ix::int, g.state::text, g.until;
END $$;

---- lease_known: what became of requests whose key is known. Replayed, Mismatch, or Waiting still.
CREATE OR REPLACE FUNCTION lease_known(a_wishes jsonb)
RETURNS TABLE (o_ix int, o_code "char", o_request text, o_request_state text, o_lease text,
               o_lease_state text, o_fence bigint, o_until timestamptz, o_choice int,
               o_lines jsonb, o_reason text, o_detail text)
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
    SELECT w.ix,
           (CASE WHEN r.fingerprint <> w.fingerprint THEN 'M'
                 WHEN w.is_waiting AND r.id = w.request_id AND r.state = 'pending' THEN 'W'
                 ELSE 'R' END)::"char",
           r.id::text, r.state::text, r.lease_id::text, l.state::text, l.fence, l.expires_at,
           NULL::int, l.lines, r.reason::text, r.detail
      FROM jsonb_to_recordset(a_wishes)
        AS w(ix int, request_id text, principal text, key text, fingerprint text,
             is_waiting boolean)
      CROSS JOIN LATERAL (
        SELECT q.id, q.fingerprint, q.state, q.lease_id, q.reason, q.detail
          FROM capacity_request q
          WHERE q.principal = w.principal AND q.idempotency_key = w.key OFFSET 0
      ) AS r
      LEFT JOIN LATERAL (
        SELECT m.state, m.fence, m.expires_at, (
            SELECT jsonb_agg(jsonb_build_array(ll.pool_id, ll.gpu_count) ORDER BY ll.pool_id)
              FROM lease_line ll WHERE ll.lease_id = m.id) AS lines
          FROM lease m WHERE m.id = r.lease_id AND r.fingerprint = w.fingerprint OFFSET 0
      ) AS l ON true;
END $$;

---- lease_choose: which choice of each request fits, the first come first, in pools that are locked.
-- `w_` are of each request, `t_` of each line given out; `p_` tell how the pools change by it.
CREATE OR REPLACE FUNCTION lease_choose(
  a_pools text[], a_wish int[], a_choice int[], a_pool int[], a_gpus int[], a_claim int[],
  w_is_open boolean[], w_starts timestamptz[], w_ends timestamptz[], w_ttl int[], a_now timestamptz,
  OUT w_choice int[], OUT w_rank int[], OUT w_total int[], OUT w_until timestamptz[],
  OUT t_wish int[], OUT t_pool int[], OUT t_gpus int[], OUT t_starts timestamptz[],
  OUT t_ends timestamptz[], OUT p_held int[], OUT p_scheduled int[], OUT p_unclaimed int[])
LANGUAGE plpgsql AS $$
DECLARE
  c_last_call CONSTANT interval := '60 seconds';
  p_free int[]; p_booked int[]; p_open boolean[]; p_opens timestamptz[]; p_closes timestamptz[];
  p_confirm int[]; p_grace int[];
  v_later boolean; v_fits boolean; v_closes timestamptz; v_confirm int;
  v_count int := 0; v_lines int := coalesce(cardinality(a_wish), 0);
  i int; k int := 1; f int; p int; n int;
BEGIN
  t_wish := '{}'; t_pool := '{}'; t_gpus := '{}'; t_starts := '{}'; t_ends := '{}';
  SELECT array_agg(o.available - o.kept_back - o.claimed), array_agg(o.scheduled),
         array_agg(NOT (o.is_cordoned OR o.is_draining)),
         array_agg(coalesce(o.opens_at, '-infinity')), array_agg(coalesce(o.closes_at, 'infinity')),
         array_agg(o.confirm_seconds), array_agg(o.grace_seconds),
         array_agg(0), array_agg(0), array_agg(0)
    INTO p_free, p_booked, p_open, p_opens, p_closes, p_confirm, p_grace,
         p_held, p_scheduled, p_unclaimed
    FROM (
      SELECT q.* FROM unnest(a_pools) WITH ORDINALITY AS x(id, ix)
        LEFT JOIN (SELECT * FROM pool WHERE id = ANY (a_pools)) AS q ON q.id = x.id
        ORDER BY x.ix
    ) AS o;
  WHILE k <= v_lines LOOP  -- one turn a choice
    i := a_wish[k]; f := k; v_later := w_starts[i] > a_now;
    v_fits := w_is_open[i] AND w_choice[i] IS NULL; v_closes := 'infinity'; v_confirm := w_ttl[i];
    WHILE k <= v_lines AND a_wish[k] = i AND a_choice[k] = a_choice[f] LOOP
      p := a_pool[k]; n := a_gpus[k] - a_claim[k];
      IF v_fits THEN
        v_fits := coalesce(
          p_open[p] AND p_opens[p] <= w_starts[i]
          AND coalesce(w_ends[i], w_starts[i] + c_last_call) <= p_closes[p]
          AND (v_later OR n <= p_free[p]), false);
        -- The time axis is walked only where bookings could matter.
        IF v_fits AND (v_later OR p_booked[p] > 0 AND n + p_booked[p] > p_free[p]) THEN
          v_fits := n + lease_peak(
            a_pools[p], w_starts[i],
            coalesce(w_ends[i] + make_interval(secs => p_grace[p]), 'infinity'), p_grace[p],
            ARRAY(SELECT x.that FROM unnest(t_pool, t_gpus) AS x(place, that) WHERE x.place = p),
            ARRAY(SELECT x.that FROM unnest(t_pool, t_starts) AS x(place, that) WHERE x.place = p),
            ARRAY(SELECT x.that FROM unnest(t_pool, t_ends) AS x(place, that) WHERE x.place = p)
          ) <= p_free[p];
        END IF;
        v_closes := least(v_closes, p_closes[p]); v_confirm := least(v_confirm, p_confirm[p]);
      END IF;
      k := k + 1;
    END LOOP;
    CONTINUE WHEN NOT v_fits;
    v_count := v_count + 1; w_rank[i] := v_count; w_choice[i] := a_choice[f]; w_total[i] := 0;
    w_until[i] := CASE WHEN v_later THEN w_starts[i] ELSE
      least(a_now + make_interval(secs => v_confirm), w_ends[i], v_closes) END;
    FOR j IN f..k - 1 LOOP
      p := a_pool[j]; n := a_gpus[j]; w_total[i] := w_total[i] + n;
      p_free[p] := p_free[p] + a_claim[j]; p_unclaimed[p] := p_unclaimed[p] + a_claim[j];
      IF v_later THEN
        p_booked[p] := p_booked[p] + n; p_scheduled[p] := p_scheduled[p] + n;
      ELSE
        p_free[p] := p_free[p] - n; p_held[p] := p_held[p] + n;
      END IF;
      t_wish := t_wish || i; t_pool := t_pool || p; t_gpus := t_gpus || n;
      t_starts := t_starts || CASE WHEN v_later THEN w_starts[i] END;
      t_ends := t_ends || coalesce(w_ends[i] + make_interval(secs => p_grace[p]), 'infinity');
    END LOOP;
  END LOOP;
END $$;

---- lease_grant: requests. Known keys are answered from their row; the others take the first of
-- their choices that fits. `a_pools` are locked; `a_wish` … `a_claim` list the lines of all
-- choices, by request and choice, with the GPUs of the pool that are claimed for the request.
CREATE OR REPLACE FUNCTION lease_grant(
  a_pools text[], a_wish int[], a_choice int[], a_pool int[], a_gpus int[], a_claim int[],
  a_wishes jsonb, a_now timestamptz)
RETURNS TABLE (o_ix int, o_code "char", o_request text, o_request_state text, o_lease text,
               o_lease_state text, o_fence bigint, o_until timestamptz, o_choice int,
               o_lines jsonb, o_reason text, o_detail text)
LANGUAGE plpgsql AS $$
DECLARE
  -- New, Waiting, Known; and then Granted, Scheduled, Queued, Pending as before, Denied
  v_code "char"[] := array_fill('N'::"char", ARRAY[jsonb_array_length(a_wishes)]);
  v_waits boolean[] := array_fill(false, ARRAY[jsonb_array_length(a_wishes)]);
  v_open boolean[] := array_fill(true, ARRAY[jsonb_array_length(a_wishes)]);
  w_request text[]; w_lease text[]; w_starts timestamptz[]; w_ends timestamptz[]; w_ttl int[];
  w_may_queue boolean[]; w_deadline timestamptz[]; w_refusal text[]; w_detail text[];
  d record; v_row record; v_fence bigint;
BEGIN
  FOR v_row IN SELECT * FROM lease_known(a_wishes) LOOP
    IF v_row.o_code = 'W' THEN
      v_code[v_row.o_ix] := 'W'; v_waits[v_row.o_ix] := true;
      CONTINUE;
    END IF;
    v_code[v_row.o_ix] := 'K'; v_open[v_row.o_ix] := false;
    o_ix := v_row.o_ix; o_code := v_row.o_code; o_request := v_row.o_request;
    o_lease := NULL; o_request_state := NULL; o_lease_state := NULL; o_fence := NULL;
    o_until := NULL; o_lines := NULL; o_reason := NULL; o_detail := NULL;
    IF v_row.o_code = 'R' THEN
      o_request_state := v_row.o_request_state; o_lease := v_row.o_lease;
      o_lease_state := v_row.o_lease_state; o_fence := v_row.o_fence; o_until := v_row.o_until;
      o_lines := v_row.o_lines; o_reason := v_row.o_reason; o_detail := v_row.o_detail;
    END IF;
    RETURN NEXT;
  END LOOP;
  SELECT array_agg(o.request_id), array_agg(o.lease_id), array_agg(o.ttl),
         array_agg(greatest(o.starts_at, a_now)),
         array_agg(greatest(o.starts_at, a_now) + make_interval(secs => o.duration)),
         array_agg(o.may_queue), array_agg(o.deadline_at), array_agg(o.refusal), array_agg(o.detail)
    INTO w_request, w_lease, w_ttl, w_starts, w_ends, w_may_queue, w_deadline, w_refusal, w_detail
    FROM (
      SELECT * FROM jsonb_to_recordset(a_wishes)
        AS w(ix int, request_id text, lease_id text, ttl int, starts_at timestamptz, duration int,
             may_queue boolean, deadline_at timestamptz, refusal text, detail text)
        ORDER BY w.ix
    ) AS o;
  SELECT * INTO d FROM lease_choose(
    a_pools, a_wish, a_choice, a_pool, a_gpus, a_claim, v_open, w_starts, w_ends, w_ttl, a_now);
  IF cardinality(d.t_wish) > 0 THEN
    UPDATE fence SET last = last + (SELECT max(x) FROM unnest(d.w_rank) AS x)
      WHERE name = 'lease'
      RETURNING last - (SELECT max(x) FROM unnest(d.w_rank) AS x) INTO STRICT v_fence;
  END IF;
  FOR i IN 1..cardinality(v_code) LOOP
    CONTINUE WHEN NOT v_open[i];
    o_ix := i; o_request := w_request[i]; o_lines := NULL;
    o_choice := d.w_choice[o_ix]; o_until := d.w_until[o_ix]; o_fence := v_fence + d.w_rank[o_ix];
    o_lease := NULL; o_lease_state := NULL; o_reason := NULL; o_detail := NULL;
    IF o_choice IS NOT NULL THEN
      o_code := CASE WHEN w_starts[o_ix] > a_now THEN 'S' ELSE 'G' END;
      o_lease := w_lease[o_ix]; o_request_state := 'granted';
      o_lease_state := CASE o_code WHEN 'G' THEN 'granted' ELSE 'scheduled' END;
    ELSE
      o_reason := w_refusal[o_ix]; o_detail := w_detail[o_ix];
      o_code := CASE WHEN v_waits[o_ix] THEN 'P' WHEN w_may_queue[o_ix] THEN 'Q' ELSE 'D' END;
      IF o_code = 'Q' AND w_deadline[o_ix] <= a_now THEN
        o_code := 'D'; o_reason := 'deadline';
      END IF;
      o_request_state := CASE WHEN o_code <> 'D' THEN 'pending' END;
    END IF;
    v_code[o_ix] := o_code;
    RETURN NEXT;
  END LOOP;
  IF v_fence IS NOT NULL OR 'Q'::"char" = ANY (v_code) THEN
    PERFORM lease_write(a_pools, a_wishes, v_code, v_waits, v_fence, w_starts, w_ends,
      d.w_rank, d.w_total, d.w_until, d.t_wish, d.t_pool, d.t_gpus, d.t_starts,
      d.p_held, d.p_scheduled, d.p_unclaimed, a_now);
  END IF;
END $$;

---- lease_write: requests that are granted or wait, leases, the journal, the accounts.
-- One statement: the wishes are read once, and all references between its rows hold at its end.
CREATE OR REPLACE FUNCTION lease_write(
  a_pools text[], a_wishes jsonb, v_code "char"[], v_waits boolean[], v_fence bigint,
  w_starts timestamptz[], w_ends timestamptz[], w_rank int[], w_total int[],
  w_until timestamptz[], t_wish int[], t_pool int[], t_gpus int[], t_starts timestamptz[],
  p_held int[], p_scheduled int[], p_unclaimed int[], a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF true = ANY (v_waits) THEN
    UPDATE capacity_request SET state = 'granted', reason = NULL, detail = NULL,
        lease_id = w.lease_id, decided_at = a_now, rev = rev + 1
      FROM jsonb_to_recordset(a_wishes) AS w(ix int, request_id text, lease_id text)
      WHERE capacity_request.id = w.request_id AND v_waits[w.ix] AND v_code[w.ix] IN ('G', 'S')
        AND capacity_request.id = ANY (ARRAY(
          SELECT x.request_id FROM jsonb_to_recordset(a_wishes) AS x(ix int, request_id text)
            WHERE v_waits[x.ix]));
  END IF;
  WITH wish AS MATERIALIZED (
    SELECT w.*, v_code[w.ix] AS code, v_code[w.ix] = 'Q' AS queues, w_rank[w.ix] AS rank,
           v_fence + w_rank[w.ix] AS fence
      FROM jsonb_to_recordset(a_wishes)
        AS w(ix int, request_id text, lease_id text, principal text, key text, fingerprint text,
             spec text, holder text, gpu_count int, priority int, is_preemptible boolean, ttl int,
             deadline_at timestamptz, refusal text, detail text)
      WHERE v_code[w.ix] IN ('G', 'S', 'Q')
  ), asked AS (
    INSERT INTO capacity_request (id, principal, idempotency_key, fingerprint, spec, holder,
        gpu_count, priority, state, reason, detail, lease_id, created_at, deadline_at, decided_at,
        rev)
      SELECT request_id, principal, key, fingerprint, spec, holder, gpu_count, priority,
             CASE WHEN queues THEN 'pending' ELSE 'granted' END,
             CASE WHEN queues THEN refusal END, CASE WHEN queues THEN detail END,
             CASE WHEN NOT queues THEN lease_id END, a_now, deadline_at,
             CASE WHEN NOT queues THEN a_now END, 1
        FROM wish WHERE NOT v_waits[ix] ORDER BY principal, key
  ), leased AS (
    INSERT INTO lease (id, request_id, principal, holder, state, is_live, priority, is_preemptible,
        gpu_count, fence, ttl_seconds, granted_at, starts_at, ends_at, expires_at, rev)
      SELECT lease_id, request_id, principal, holder,
             CASE code WHEN 'G' THEN 'granted' ELSE 'scheduled' END, true, priority,
             is_preemptible, w_total[ix], fence, ttl, a_now, w_starts[ix], w_ends[ix], w_until[ix],
             1
        FROM wish WHERE NOT queues ORDER BY rank
  ), line AS MATERIALIZED (
    SELECT wish.ix, wish.lease_id, wish.principal, x.p, x.n, x.s
      FROM unnest(t_wish, t_pool, t_gpus, t_starts) AS x(i, p, n, s) JOIN wish ON wish.ix = x.i
  ), lined AS (
    INSERT INTO lease_line (lease_id, pool_id, gpu_count, marginal_price, effective_price, currency)
      SELECT x.lease_id, q.id, x.n, q.marginal_price, q.effective_price, q.currency
        FROM line x JOIN pool q ON q.id = a_pools[x.p] WHERE q.id = ANY (a_pools)
        ORDER BY x.ix, x.p
  ), moved AS (
    INSERT INTO capacity_transfer (pool_id, debit, credit, gpu_count, cause, actor, at)
      SELECT a_pools[p], 'available', 'held', n, 'lease ' || lease_id || ' granted', principal,
             a_now
        FROM line WHERE s IS NULL ORDER BY ix, p
  ), told AS (
    INSERT INTO capacity_event (kind, object_id, holder, principal, at, data)
      SELECT CASE code WHEN 'G' THEN 'lease.granted' WHEN 'S' THEN 'lease.scheduled'
                       ELSE 'request.pending' END,
             CASE WHEN queues THEN request_id ELSE lease_id END, holder, principal, a_now,
             CASE WHEN queues
               THEN json_build_object('gpu_count', gpu_count, 'reason', refusal)
               ELSE json_build_object('request_id', request_id, 'fence', fence,
                                      'gpu_count', w_total[ix])
             END::text
        FROM wish ORDER BY queues DESC, rank, ix
  )
  UPDATE pool SET available = available - x.held, held = pool.held + x.held,
      scheduled = pool.scheduled + x.scheduled, claimed = greatest(0, claimed - x.unclaimed),
      gen = gen + 1, changed_at = a_now
    FROM unnest(a_pools, p_held, p_scheduled, p_unclaimed) AS x(id, held, scheduled, unclaimed)
    WHERE pool.id = x.id AND pool.id = ANY (a_pools) AND x.held + x.scheduled + x.unclaimed > 0;
END $$;

---- lease_batch: returns, then heartbeats, then requests; one row of answer each, and the time.
-- A lease or a key occurs once in a batch. A heartbeat without a row is of a lease that is lost.
CREATE OR REPLACE FUNCTION lease_batch(
  a_pools text[], a_wish int[], a_choice int[], a_pool int[], a_gpus int[], a_claim int[],
  a_wishes jsonb, a_waiting text[], r_id text[], r_fence bigint[], r_principal text[],
  b_id text[], b_fence bigint[], b_ttl int[], b_principal text[], a_expected timestamptz)
RETURNS TABLE (o_kind "char", o_ix int, o_code "char", o_request text, o_request_state text,
               o_lease text, o_lease_state text, o_fence bigint, o_until timestamptz,
               o_choice int, o_lines jsonb, o_reason text, o_detail text)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  v_now timestamptz;
  v_confirming text[] := '{}';
  v_released text[] := '{}';
  v_row record;
BEGIN
  PERFORM lease_guard(a_expected);
  -- Nothing is asked of the database in vain: each statement costs as much as a row or two.
  IF cardinality(b_id) > 0 THEN
    v_confirming := ARRAY(SELECT id FROM lease WHERE id = ANY (b_id) AND confirmed_at IS NULL
                          AND state IN ('granted', 'preempting'));
  END IF;
  PERFORM 1 FROM pool WHERE id = ANY (a_pools || ARRAY(
    SELECT pool_id FROM lease_line WHERE lease_id = ANY (r_id || v_confirming)))
    ORDER BY id FOR UPDATE;
  IF jsonb_array_length(a_wishes) > 0 OR cardinality(r_id || v_confirming) > 0 THEN
    PERFORM 1 FROM fence WHERE name = 'lease' FOR UPDATE;
  END IF;
  IF cardinality(a_waiting) > 0 THEN
    PERFORM 1 FROM capacity_request WHERE id = ANY (a_waiting) ORDER BY id FOR UPDATE;
  END IF;
  IF cardinality(r_id || b_id) > 0 THEN
    PERFORM 1 FROM lease WHERE id = ANY (r_id || b_id) ORDER BY id FOR UPDATE;
  END IF;
  v_now := clock_timestamp();
  o_kind := 't'; o_until := v_now; RETURN NEXT;
  o_until := NULL; o_kind := 'r';
  FOR v_row IN
    SELECT x.ix, x.id,
           CASE WHEN l.id IS NULL OR x.principal <> l.principal THEN 'U'
                WHEN l.fence <> x.fence THEN 'L' WHEN l.is_live THEN 'R'
                WHEN l.state = 'released' THEN 'A' ELSE 'L' END AS code
      FROM unnest(r_id, r_fence, r_principal) WITH ORDINALITY AS x(id, fence, principal, ix)
      LEFT JOIN lease l ON l.id = x.id AND l.id = ANY (r_id)
  LOOP
    o_ix := v_row.ix; o_code := v_row.code;
    IF v_row.code = 'R' THEN
      v_released := v_released || v_row.id;
    END IF;
    RETURN NEXT;
  END LOOP;
  IF cardinality(v_released) > 0 THEN
    PERFORM lease_finish(v_released, array_fill('released'::text, ARRAY[cardinality(v_released)]),
                         array_fill(NULL::text, ARRAY[cardinality(v_released)]), v_now);
  END IF;
  IF cardinality(b_id) > 0 THEN
    RETURN QUERY SELECT 'b'::"char", n.o_ix, NULL::"char", NULL::text, NULL::text, NULL::text,
        n.o_state, NULL::bigint, n.o_until, NULL::int, NULL::jsonb, NULL::text, NULL::text
      FROM lease_renew(b_id, b_fence, b_ttl, b_principal, v_confirming, v_now) AS n;
  END IF;
  IF jsonb_array_length(a_wishes) > 0 THEN
    RETURN QUERY SELECT 'w'::"char", g.*
      FROM lease_grant(a_pools, a_wish, a_choice, a_pool, a_gpus, a_claim, a_wishes, v_now) AS g;
  END IF;
END $$;
