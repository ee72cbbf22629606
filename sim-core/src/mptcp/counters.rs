//! Counters with the kernel's names (`nstat`), per end of a connection, so that an engineer can lay
//! a run beside a real host.

use std::collections::BTreeMap;

macro_rules! counters {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A counter, by the kernel's name for it (MPTcpExt unless the name begins with Tcp).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Counter { $($variant),+ }

        const NAMES: &[&str] = &[$($name),+];
    };
}

counters! {
    TcpActiveOpens = "TcpActiveOpens",
    TcpPassiveOpens = "TcpPassiveOpens",
    TcpAttemptFails = "TcpAttemptFails",
    TcpEstabResets = "TcpEstabResets",
    TcpOutRsts = "TcpOutRsts",
    TcpRetransSegs = "TcpRetransSegs",
    TcpSynRetrans = "TcpExtTCPSynRetrans",
    TcpPawsEstab = "TcpExtPAWSEstab",
    TcpTimeouts = "TcpExtTCPTimeouts",
    TcpLossProbes = "TcpExtTCPLossProbes",
    TcpTimeWait = "TcpExtTW",
    OutOfWindowIcmps = "TcpExtOutOfWindowIcmps",
    TcpKeepAlive = "TcpExtTCPKeepAlive",
    TcpFullUndo = "TcpExtTCPFullUndo",
    TcpPartialUndo = "TcpExtTCPPartialUndo",
    TcpDsackUndo = "TcpExtTCPDSACKUndo",
    TcpLossUndo = "TcpExtTCPLossUndo",
    TcpSpuriousRtos = "TcpExtTCPSpuriousRTOs",
    CapableSynRx = "MPCapableSYNRX",
    CapableSynTx = "MPCapableSYNTX",
    CapableSynAckRx = "MPCapableSYNACKRX",
    CapableAckRx = "MPCapableACKRX",
    CapableDataFallback = "MPCapableDataFallback",
    CapableFallbackAck = "MPCapableFallbackACK",
    CapableFallbackSynAck = "MPCapableFallbackSYNACK",
    CapableSynTxDrop = "MPCapableSYNTXDrop",
    CapableSynTxDisabled = "MPCapableSYNTXDisabled",
    FallbackTokenInit = "MPFallbackTokenInit",
    Retrans = "MPTCPRetrans",
    JoinNoTokenFound = "MPJoinNoTokenFound",
    JoinSynRx = "MPJoinSynRx",
    JoinSynTx = "MPJoinSynTx",
    JoinSynAckRx = "MPJoinSynAckRx",
    JoinSynAckHmacFailure = "MPJoinSynAckHMacFailure",
    JoinAckRx = "MPJoinAckRx",
    JoinAckHmacFailure = "MPJoinAckHMacFailure",
    JoinRejected = "MPJoinRejected",
    JoinSynBackupRx = "MPJoinSynBackupRx",
    JoinSynAckBackupRx = "MPJoinSynAckBackupRx",
    DssNotMatching = "DSSNotMatching",
    DssNoMatchTcp = "DSSNoMatchTCP",
    DssCorruptionFallback = "DSSCorruptionFallback",
    DssCorruptionReset = "DSSCorruptionReset",
    DssFallback = "DssFallback",
    InfiniteMapTx = "InfiniteMapTx",
    InfiniteMapRx = "InfiniteMapRx",
    DataCsumErr = "DataCsumErr",
    OfoQueueTail = "OFOQueueTail",
    OfoQueue = "OFOQueue",
    OfoMerge = "OFOMerge",
    NoDssInWindow = "NoDSSInWindow",
    DuplicateData = "DuplicateData",
    AddAddr = "AddAddr",
    AddAddrTxDrop = "AddAddrTxDrop",
    PortAdd = "PortAdd",
    JoinPortSynRx = "MPJoinPortSynRx",
    JoinPortSynAckRx = "MPJoinPortSynAckRx",
    JoinPortAckRx = "MPJoinPortAckRx",
    AddAddrTx = "AddAddrTx",
    AddAddrDrop = "AddAddrDrop",
    EchoAdd = "EchoAdd",
    EchoAddTx = "EchoAddTx",
    RmAddr = "RmAddr",
    RmAddrTx = "RmAddrTx",
    RmSubflow = "RmSubflow",
    PrioTx = "MPPrioTx",
    PrioRx = "MPPrioRx",
    FailTx = "MPFailTx",
    FailRx = "MPFailRx",
    FastcloseTx = "MPFastcloseTx",
    FastcloseRx = "MPFastcloseRx",
    RstTx = "MPRstTx",
    RstRx = "MPRstRx",
    SubflowStale = "SubflowStale",
    SubflowRecover = "SubflowRecover",
    SndWndShared = "SndWndShared",
    RcvWndShared = "RcvWndShared",
    Blackhole = "Blackhole",
    WinProbe = "WinProbe",
    SimultConnectFallback = "SimultConnectFallback",
}

/// All counters of one end of a connection. There are millions of ends and few of them count much, so
/// only what was counted is kept, in the order of the first time.
#[derive(Clone, Debug, Default)]
pub struct Counters(Vec<(Counter, u32)>);

impl Counters {
    /// Counts one.
    #[inline]
    pub fn count(&mut self, counter: Counter) {
        match self.0.iter_mut().find(|(known, _)| *known == counter) {
            // A run that counts to four thousand million would take weeks.
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.0.push((counter, 1)),
        }
    }

    /// The value of a counter.
    #[must_use]
    pub fn value(&self, counter: Counter) -> u64 {
        self.0.iter().find(|(known, _)| *known == counter).map_or(0, |&(_, count)| count.into())
    }

    /// Those that are not zero, by name.
    #[must_use]
    pub fn non_zero(&self) -> BTreeMap<String, u64> {
        let named = |&(counter, count): &(Counter, u32)| {
            (NAMES[counter as usize].to_owned(), u64::from(count))
        };
        self.0.iter().map(named).collect()
    }
}
