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
    TcpRetransSegs = "TcpRetransSegs",
    TcpTimeouts = "TcpExtTCPTimeouts",
    TcpLossProbes = "TcpExtTCPLossProbes",
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
}

/// All counters of one end of a connection. A run that counts to four thousand million would take
/// weeks; there are millions of ends.
#[derive(Clone, Debug)]
pub struct Counters([u32; NAMES.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; NAMES.len()])
    }
}

impl Counters {
    /// Counts one.
    #[inline]
    pub fn count(&mut self, counter: Counter) {
        let count = &mut self.0[counter as usize];
        *count = count.saturating_add(1);
    }

    /// The value of a counter.
    #[must_use]
    pub fn value(&self, counter: Counter) -> u64 {
        u64::from(self.0[counter as usize])
    }

    /// Those that are not zero, by name.
    #[must_use]
    pub fn non_zero(&self) -> BTreeMap<String, u64> {
        let named = NAMES.iter().zip(self.0).filter(|(_, value)| *value > 0);
        named.map(|(name, value)| ((*name).to_owned(), u64::from(value))).collect()
    }
}
