# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: starting programs, the machine's description, the report."""
