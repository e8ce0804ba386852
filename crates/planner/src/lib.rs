//! Stopover's planner: a pure function from source and ledger to a plan or to every problem.
